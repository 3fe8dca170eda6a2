/** Fills inbox and outbox with rows as the store would have written them. */
import type Database from "better-sqlite3";
import { repository } from "../test/domain/cast.ts";
import { effects, events } from "../test/store/examples.ts";

/** A lane for each row; all rows in one lane; as many rows that are done, and sixteen that wait. */
export type Shape = "lanes" | "one-lane" | "done";

const WAITING = 16;

export function fillLanes(
  sqlite: Database.Database,
  table: "inbox" | "outbox",
  shape: Shape,
  rows: number,
): void {
  const event = JSON.stringify(events["timer-fired"]);
  const subject = JSON.stringify({ kind: "issue", number: 1 });
  const insert =
    table === "inbox"
      ? sqlite.prepare(
          `insert into inbox (key, lane, repository, subject, event, state, attempts, not_before, created_at)
           values (?, ?, '${JSON.stringify(repository)}', '${subject}', '${event}', ?, 0, 0, 1)`,
        )
      : sqlite.prepare(
          `insert into outbox (key, lane, priority, effect, state, attempts, not_before, created_at)
           values (?, ?, 1, '${JSON.stringify(effects.react)}', ?, 0, 0, 1)`,
        );
  sqlite.transaction(() => {
    const total = shape === "done" ? rows + WAITING : rows;
    for (let row = 0; row < total; row++) {
      const lane = shape === "one-lane" ? "one" : `lane-${row}`;
      insert.run(`key-${row}`, lane, shape === "done" && row < rows ? "done" : "pending");
    }
  })();
}
