/** Dead letters of all three queues: what nobody tries any more, and putting it back. */
import type { Db } from "./database.ts";
import { SURVIVED } from "./hands.ts";
import type { DeadLetter } from "./port.ts";

export function listDead({ build, all }: Db, limit: number): readonly DeadLetter[] {
  const deliveries = all(
    build
      .selectFrom("delivery")
      .select(["guid", "name", "received_at", "reason"])
      .where("state", "=", "rejected")
      .orderBy("received_at", "desc")
      .limit(limit),
  ).map(({ guid, name, received_at, reason }): DeadLetter => ({
    queue: "delivery",
    key: guid,
    what: name,
    lane: null,
    attempts: 1,
    since: received_at,
    reason: reason ?? "",
  }));
  const items = all(
    build
      .selectFrom("inbox")
      .select(["key", "lane", "attempts", "created_at", "error", "event as body"])
      .where("state", "=", "dead")
      .orderBy("seq", "desc")
      .limit(limit),
  ).map((row) => letterOf("inbox", row));
  const effects = all(
    build
      .selectFrom("outbox")
      .select(["key", "lane", "attempts", "created_at", "error", "effect as body"])
      .where("state", "=", "dead")
      .orderBy("seq", "desc")
      .limit(limit),
  ).map((row) => letterOf("outbox", row));
  return [...deliveries, ...items, ...effects]
    .toSorted((a, b) => b.since - a.since)
    .slice(0, limit);
}

interface Row {
  readonly key: string;
  readonly lane: string;
  readonly attempts: number;
  readonly created_at: number;
  readonly error: string | null;
  readonly body: string;
}

const letterOf = (
  queue: "inbox" | "outbox",
  { key, lane, attempts, created_at, error, body }: Row,
): DeadLetter => ({
  queue,
  key,
  what: kindOf(body),
  lane,
  attempts,
  since: created_at,
  reason: error ?? "",
});

/** A row may be dead because it cannot be read. */
function kindOf(body: string): string {
  return /"kind":"(?<kind>[a-z-]{1,40})"/u.exec(body)?.groups?.["kind"] ?? "unreadable";
}

/** Effects that were refused may be put back, too: a permission may have been granted since. */
export function revive({ build, get, run }: Db, key: string): "revived" | "unknown" | "final" {
  const again = { ...SURVIVED, not_before: 0 };
  const effect = get(
    build
      .selectFrom("outbox")
      .select(["seq", "effect"])
      .where("key", "=", key)
      .where("state", "in", ["dead", "refused"]),
  );
  if (effect !== undefined) {
    if (kindOf(effect.effect) === "start-attempt") return "final";
    run(
      build
        .updateTable("outbox")
        .set({ ...again, state: "pending", ended_at: null })
        .where("seq", "=", effect.seq),
    );
    return "revived";
  }
  const item = build.updateTable("inbox").set({ ...again, state: "pending" });
  if (run(item.where("key", "=", key).where("state", "=", "dead")) > 0) return "revived";
  const delivery = build.updateTable("delivery").set({ ...SURVIVED, state: "new", reason: null });
  return run(delivery.where("guid", "=", key).where("state", "=", "rejected")) > 0
    ? "revived"
    : "unknown";
}
