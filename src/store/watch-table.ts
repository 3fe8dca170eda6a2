/** What sweeps ask of the store: what is watched on GitHub, what entered already, and where they stopped. */
import type { Repository } from "../domain/repository.ts";
import type { Finding, LatestRevision, Watched } from "../inbox/port.ts";
import { isOver } from "../domain/objective.ts";
import { decodeObjectiveBody, decodePullRequest } from "./codec.ts";
import type { Db } from "./database.ts";
import { insertItem } from "./inbox-table.ts";
import { loadSubject } from "./objective-table.ts";
import { prepared } from "./prepared.ts";

/** Asked at once; SQLite takes 32,766 parameters. */
const AT_ONCE = 500;

export const enteredKeys = ({ build, all }: Db, keys: readonly string[]): ReadonlySet<string> =>
  new Set(
    slices(keys).flatMap((some) =>
      all(build.selectFrom("inbox").select("key").where("key", "in", some)).map(({ key }) => key),
    ),
  );

export const acceptedGuids = ({ build, all }: Db, guids: readonly string[]): ReadonlySet<string> =>
  new Set(
    slices(guids).flatMap((some) =>
      all(build.selectFrom("delivery").select("guid").where("guid", "in", some)).map(
        ({ guid }) => guid,
      ),
    ),
  );

export function settleItem(db: Db, finding: Finding, now: number): void {
  if (enteredKeys(db, [finding.key]).size > 0) return;
  insertItem(db, finding, now);
  db.run(db.build.updateTable("inbox").set({ state: "done" }).where("key", "=", finding.key));
}

const slices = (values: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(values.length / AT_ONCE) }, (_, index) =>
    values.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
  );

/** Live objectives of a repository, or all of them, with their pull requests that have a number. */
export function watched({ all }: Db, repository: number | null): readonly Watched[] {
  const rows = all(repository === null ? everyLive({}) : liveOf({ repository }));
  return rows.map(({ id, rev, body }) => {
    const objective = decodeObjectiveBody(body);
    const pulls = all(numberedPulls({ id })).map((row) => decodePullRequest(row.body));
    return {
      rev,
      repository: objective.repository,
      issue: objective.issue.number,
      pulls: pulls.flatMap(({ number, state }) => (number === null ? [] : [{ number, state }])),
    };
  });
}

const live = (build: Db["build"]) =>
  build.selectFrom("objective").select(["id", "rev", "body"]).where("live", "=", 1).orderBy("id");
const everyLive = prepared((build) => live(build));
const liveOf = prepared((build, { repository }: { readonly repository: number }) =>
  live(build).where("repository_id", "=", repository),
);
const numberedPulls = prepared((build, { id }: { readonly id: string }) =>
  build
    .selectFrom("pull_request")
    .select("body")
    .where("objective_id", "=", id)
    .where("number", "is not", null),
);

export function latestRevision(
  db: Db,
  repository: Repository,
  issue: number,
): LatestRevision | null {
  const loaded = loadSubject(db, { kind: "issue", number: issue }, repository);
  if (loaded === null) return null;
  const { objective } = loaded;
  return {
    live: !isOver(objective),
    // Rows of older versions know our own time only; a label is never put on after we heard of it.
    labelledAt: objective.labelledAt ?? objective.startedAt,
  };
}

const PREFIX = "mark:";

export const readMark = ({ get }: Db, key: string): string | null =>
  get(markOf({ key: PREFIX + key }))?.value ?? null;

const markOf = prepared((build, { key }: { readonly key: string }) =>
  build.selectFrom("meta").select("value").where("key", "=", key),
);

export function listMarks({ build, all }: Db, prefix: string): ReadonlyMap<string, string> {
  const from = PREFIX + prefix;
  const rows = all(
    build
      .selectFrom("meta")
      .select(["key", "value"])
      .where("key", ">=", from)
      .where("key", "<", `${from}\u{10FFFF}`)
      .orderBy("key"),
  );
  return new Map(rows.map(({ key, value }) => [key.slice(PREFIX.length), value]));
}

export function writeMark({ build, run }: Db, key: string, value: string | null): void {
  if (value === null) run(build.deleteFrom("meta").where("key", "=", PREFIX + key));
  else run(markSet({ key: PREFIX + key, value }));
}

const markSet = prepared((build, row: { readonly key: string; readonly value: string }) =>
  build
    .insertInto("meta")
    .values({ key: row.key, value: row.value })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: row.value })),
);
