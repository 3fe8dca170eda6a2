/** Inbox and deliveries: everything that happens enters here, once per key. */
import type { Delivery, RoutedEvent } from "../inbox/port.ts";
import type { Repository } from "../domain/repository.ts";
import { decodeInbox, encode, readable } from "./codec.ts";
import type { Db } from "./database.ts";
import { SURVIVED, type Hands } from "./hands.ts";
import { takeRows, type Take } from "./lanes.ts";
import { prepared } from "./prepared.ts";
import type { InboxItem, NewItem, Subject } from "./port.ts";

export function acceptDeliveries({ run }: Db, deliveries: readonly Delivery[]): void {
  for (const { guid, name, body, receivedAt } of deliveries)
    run(accepted({ guid, name, body, receivedAt }));
}

const accepted = prepared((build, { guid, name, body, receivedAt }: Delivery) =>
  build
    .insertInto("delivery")
    .values({ guid, name, body, received_at: receivedAt, state: "new", reason: null })
    // A redelivery of what could not be understood is a person's wish to try again.
    .onConflict((conflict) =>
      conflict
        .column("guid")
        .doUpdateSet({ state: "new" })
        .where("delivery.state", "=", "rejected"),
    ),
);

/** As routed, without its body; false = it was routed before. */
export const acceptRouted = ({ run }: Db, delivery: Omit<Delivery, "body">): boolean =>
  run(arrived(delivery)) === 1;

const arrived = prepared((build, { guid, name, receivedAt }: Omit<Delivery, "body">) =>
  build
    .insertInto("delivery")
    .values({ guid, name, body: "", received_at: receivedAt, state: "routed", reason: null })
    .onConflict((conflict) =>
      conflict
        .column("guid")
        .doUpdateSet({ state: "routed", reason: null, body: "" })
        .where("delivery.state", "!=", "routed"),
    ),
);

/** The oldest; what the process died with comes last, one at a time and alone. */
export function takeDeliveries(db: Db, hands: Hands, limit: number): readonly Delivery[] {
  const { build, all, run } = db;
  const innocent = all(unrouted({ limit }));
  const suspects = innocent.length > 0 ? [] : all(suspectDelivery({}));
  const taken = [...innocent, ...hands.choose("delivery", suspects)];
  for (const { guid, held } of taken)
    if (held === 0) run(build.updateTable("delivery").set({ held: 1 }).where("guid", "=", guid));
  return taken.map(({ guid, name, body, receivedAt }) => ({ guid, name, body, receivedAt }));
}

const delivered = (build: Db["build"]) =>
  build
    .selectFrom("delivery")
    .select(["guid", "name", "body", "received_at as receivedAt", "crashes", "held"])
    .where("state", "=", "new")
    .orderBy("received_at");

const unrouted = prepared((build, { limit }: { readonly limit: number }) =>
  delivered(build).where("crashes", "=", 0).limit(limit),
);
const suspectDelivery = prepared((build) => delivered(build).where("crashes", ">", 0).limit(1));

/** What it said is in the inbox now: its body goes, and the next one takes its place in the file. */
export const endRouted = ({ run }: Db, guid: string): void => void run(routed({ guid }));

const routed = prepared((build, { guid }: { readonly guid: string }) =>
  build
    .updateTable("delivery")
    .set({ state: "routed", reason: null, body: "", ...SURVIVED })
    .where("guid", "=", guid),
);

/** Kept for people to look at, and to try again. */
export function endRejected({ build, run }: Db, guid: string, reason: string): void {
  run(
    build
      .updateTable("delivery")
      .set({ state: "rejected", reason, ...SURVIVED })
      .where("guid", "=", guid)
      .where("state", "=", "new"),
  );
}

export function routeEvents(
  db: Db,
  guid: string,
  events: readonly RoutedEvent[],
  now: number,
): void {
  for (const [position, entry] of events.entries()) {
    const { repository, subject, event, key = `${guid}:${position}` } = entry;
    const subjects: readonly Subject[] =
      subject.kind === "repository" ? liveObjectives(db, repository) : [subject];
    for (const [index, one] of subjects.entries())
      insertItem(
        db,
        { key: index === 0 ? key : `${key}:${index}`, repository, subject: one, event },
        now,
      );
  }
}

const liveObjectives = ({ build, all }: Db, repository: Repository): readonly Subject[] =>
  all(
    build
      .selectFrom("objective")
      .select("issue_number")
      .where("repository_id", "=", repository.id)
      .where("live", "=", 1)
      .orderBy("issue_number"),
  ).map(({ issue_number }) => ({ kind: "issue", number: issue_number }));

export function insertItem(
  db: Db,
  { key, repository, subject, event }: NewItem,
  now: number,
): void {
  db.run(
    inserted({
      key,
      lane: laneOf(db, repository, subject),
      repository: encode(repository),
      subject: encode(subject),
      event: encode(event),
      now,
    }),
  );
}

interface NewRow {
  readonly key: string;
  readonly lane: string;
  readonly repository: string;
  readonly subject: string;
  readonly event: string;
  readonly now: number;
}

const inserted = prepared((build, { key, lane, repository, subject, event, now }: NewRow) =>
  build
    .insertInto("inbox")
    .values({
      key,
      lane,
      repository,
      subject,
      event,
      state: "pending",
      attempts: 0,
      not_before: 0,
      error: null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.column("key").doNothing()),
);

/** Everything about one issue has one lane, so it is handled in the order in which it came. */
function laneOf({ get }: Db, repository: Repository, subject: Subject): string {
  const issueLane = (number: number): string => `issue:${repository.id}#${number}`;
  if (subject.kind === "issue") return issueLane(subject.number);
  const found =
    subject.kind === "objective"
      ? get(issueOfObjective({ id: subject.id }))
      : get(issueOfPull({ repository: repository.id, number: subject.number }));
  if (found !== undefined) return issueLane(found.issue_number);
  return subject.kind === "objective"
    ? `objective:${subject.id}`
    : `pull:${repository.id}#${subject.number}`;
}

const issueOfObjective = prepared((build, { id }: { readonly id: string }) =>
  build.selectFrom("objective").select("issue_number").where("id", "=", id),
);
const issueOfPull = prepared(
  (build, { repository, number }: { readonly repository: number; readonly number: number }) =>
    build
      .selectFrom("objective")
      .select("objective.issue_number")
      .innerJoin("pull_request", "pull_request.objective_id", "objective.id")
      .where("pull_request.repository_id", "=", repository)
      .where("pull_request.number", "=", number),
);

/** Heads of the due lanes. */
export function takeInbox(db: Db, hands: Hands, take: Take): readonly InboxItem[] {
  const { now, limit, busy } = take;
  const rows = db.all(heads({ now, limit: limit + busy.size }));
  return readable(
    takeRows(db, { table: "inbox", hands }, rows, take),
    (row) => decodeInbox({ ...row, attempts: row.attempts + 1 }),
    (seq, reason) => {
      buryItem(db, seq, reason);
      hands.letGo("inbox", seq);
    },
  );
}

const heads = prepared((build, { now, limit }: { readonly now: number; readonly limit: number }) =>
  build
    .selectFrom("inbox")
    .selectAll()
    .where("head", "=", 1)
    .where("not_before", "<=", now)
    .orderBy("seq")
    .limit(limit),
);

export const endItem = ({ run }: Db, seq: number): void => void run(done({ seq }));

const done = prepared((build, { seq }: { readonly seq: number }) =>
  build
    .updateTable("inbox")
    .set({ state: "done", ...SURVIVED })
    .where("seq", "=", seq)
    .where("state", "=", "pending"),
);

export function postponeItem(
  { build, run }: Db,
  seq: number,
  notBefore: number,
  error: string,
): void {
  run(
    build
      .updateTable("inbox")
      .set({ not_before: notBefore, error, ...SURVIVED })
      .where("seq", "=", seq),
  );
}

export function buryItem({ build, run }: Db, seq: number, error: string): void {
  run(build.updateTable("inbox").set({ state: "dead", error, held: 0 }).where("seq", "=", seq));
}
