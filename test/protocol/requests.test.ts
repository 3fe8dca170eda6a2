import { expect, test } from "vitest";
import { Reply } from "../../src/protocol/requests.ts";

test("why a newer daemon refuses may be unknown to us: it has failed, and says why", () => {
  const reply = { ok: false, code: "on-holiday", reason: "back on Monday" };
  expect(Reply.parse(reply)).toEqual({ ...reply, code: "failed" });
  expect(Reply.parse({ ...reply, code: "busy" })).toMatchObject({ code: "busy" });
});
