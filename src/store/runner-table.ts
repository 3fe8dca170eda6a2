/** The machines that are registered. Their slots are rows of a table of their own (queue-table.ts). */
import { sql, type Selectable } from "kysely";
import * as z from "zod";
import type { MachineAddress, RunnerSnapshot } from "../domain/runner.ts";
import type { Db } from "./database.ts";
import type { NewRunner, RunnerRow } from "./port.ts";
import { prepared } from "./prepared.ts";
import type { Tables } from "./schema.ts";

/** What is not given stays as it is, or begins empty. */
export function putRunner({ build, run }: Db, runner: NewRunner): void {
  const { name, kind, state, slots } = runner;
  const given = { kind, state, slots, ...columnsOf(runner) };
  run(
    build
      .insertInto("runner")
      .values({ name, labels: "[]", address: null, host_key: null, problem: null, ...given })
      .onConflict((conflict) => conflict.column("name").doUpdateSet(given)),
  );
}

type Columns = Omit<
  Tables["runner"],
  "name" | "kind" | "state" | "slots" | "reach" | "reach_since"
>;

function columnsOf({ labels, address, hostKey, problem }: Partial<RunnerRow>): Partial<Columns> {
  return {
    ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
    ...(address === undefined
      ? {}
      : { address: address === null ? null : JSON.stringify(address) }),
    ...(hostKey === undefined ? {} : { host_key: hostKey }),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** False = sessions are on it that are not over, or there is none of that name. */
export function removeRunner(db: Db, name: string): boolean {
  if (sessionsOn(db, name).length > 0) return false;
  return db.run(db.build.deleteFrom("runner").where("name", "=", name)) > 0;
}

/** Sessions that are not over and whose workspace or process is there. */
export function sessionsOn({ all }: Db, name: string): readonly string[] {
  return all(liveOn({ name })).map(({ id }) => id);
}

const liveOn = prepared((build, { name }: { readonly name: string }) =>
  build
    .selectFrom("session")
    .select("id")
    .where("state", "not in", ["succeeded", "failed", "canceled"])
    .where(sql<string>`body ->> '$.runner'`, "=", name)
    .orderBy("id"),
);

export function listRunners(db: Db): readonly RunnerRow[] {
  const taken = takenOf(db);
  return db.all(registered({})).map((row) => rowOf(row, taken(row.name)));
}

const rowOf = (row: Selectable<Tables["runner"]>, taken: readonly number[]): RunnerRow => ({
  kind: row.kind,
  labels: Labels.parse(JSON.parse(row.labels)),
  address: row.address === null ? null : Address.parse(JSON.parse(row.address)),
  hostKey: row.host_key,
  problem: row.problem,
  ...snapshotOf(row, taken),
});

/** What every round of the scheduler asks for. */
export function runnerSnapshots(db: Db): readonly RunnerSnapshot[] {
  const taken = takenOf(db);
  return db.all(registered({})).map((row) => snapshotOf(row, taken(row.name)));
}

const snapshotOf = (
  row: Selectable<Tables["runner"]>,
  taken: readonly number[],
): RunnerSnapshot => ({
  name: row.name,
  state: row.state,
  slots: row.slots,
  taken,
  ...labelsOf(row),
  ...reachOf(row),
});

function labelsOf({ labels }: Selectable<Tables["runner"]>): Pick<RunnerSnapshot, "labels"> {
  return labels === "[]" ? {} : { labels: Labels.parse(JSON.parse(labels)) };
}

const reachOf = ({
  reach,
  reach_since,
}: Selectable<Tables["runner"]>): Pick<RunnerSnapshot, "reach" | "since"> =>
  reach === "attached" ? {} : { reach, since: reach_since ?? 0 };

function takenOf({ all }: Db): (runner: string) => readonly number[] {
  const slots = Map.groupBy(all(takenSlots({})), ({ runner }) => runner);
  return (runner) => (slots.get(runner) ?? []).map(({ slot }) => slot);
}

const takenSlots = prepared((build) => build.selectFrom("slot").select(["runner", "slot"]));
const registered = prepared((build) => build.selectFrom("runner").selectAll().orderBy("name"));

const Labels = z.array(z.string());
const Address: z.ZodType<MachineAddress> = z.object({
  user: z.string(),
  host: z.string(),
  port: z.number(),
  identity: z.string().nullable(),
  jump: z.string().nullable(),
  jumpHostKey: z.string().nullable(),
  via: z.enum(["library", "ssh"]).default("library"),
  workRoot: z.string().nullable(),
});
