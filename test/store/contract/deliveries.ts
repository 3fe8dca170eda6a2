/** Webhooks as they came in. */
import { expect, test } from "vitest";
import type { Repository } from "../../../src/domain/repository.ts";
import { repository } from "../../domain/cast.ts";
import { Play } from "../../domain/play.ts";
import { events } from "../examples.ts";
import { type Open, issue, take, put } from "./given.ts";

const delivery = (guid: string, receivedAt = 1) => ({
  guid,
  name: "issues",
  body: "{}",
  receivedAt,
});
const { kind: _, ...changed } = events["access-lost"];
const event = { kind: "access-lost", ...changed } as const;

export function deliveries(open: Open): void {
  test("redelivered is delivered once", async () => {
    await using store = await open();
    await store.accept([delivery("a", 2), delivery("b", 1), delivery("a", 3)]);
    await store.accept([{ ...delivery("a"), body: "other" }]);
    expect(await store.unrouted(9)).toEqual([delivery("b", 1), delivery("a", 2)]);
    expect(await store.unrouted(1)).toEqual([delivery("b", 1)]);
  });

  test("a long body comes back byte for byte", async () => {
    await using store = await open();
    const long = { ...delivery("a"), body: `{"text":"${"Grüße 🦀 ".repeat(500)}"}` };
    await store.accept([long]);
    expect(await store.unrouted(9)).toEqual([long]);
  });

  test("routed and rejected ones are not routed again", async () => {
    await using store = await open();
    await store.accept([delivery("a"), delivery("b"), delivery("c")]);
    await store.route("a", [{ repository, subject: { kind: "issue", number: 1 }, event }]);
    await store.route("a", [{ repository, subject: { kind: "issue", number: 1 }, event }]);
    await store.reject("b", "no such shape");
    expect(await store.unrouted(9)).toEqual([delivery("c")]);
    expect((await take(store)).map(({ key }) => key)).toEqual(["a:0"]);
    expect(await store.counts()).toMatchObject({
      "delivery.routed": 1,
      "delivery.rejected": 1,
      "delivery.new": 1,
    });
  });

  test("what concerns a repository concerns each of its live objectives", async () => {
    await using store = await open();
    await put(store, new Play().label().it);
    await store.accept([delivery("a"), delivery("b")]);
    await store.route("a", [{ repository, subject: { kind: "repository" }, event }]);
    expect(await take(store)).toMatchObject([{ subject: issue, event }]);
    const other: Repository = { ...repository, id: 8 };
    await store.route("b", [{ repository: other, subject: { kind: "repository" }, event }]);
    expect(await store.counts()).toMatchObject({ "inbox.pending": 1 });
  });
}
