/** Rows know whether they are in hand and how often the process died with them; effects may be in doubt; events are chained. */
import { sql, type Kysely } from "kysely";
import { chainUp } from "../chain.ts";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  await chainUp(db);
}

const STATEMENTS = [
  ...["delivery", "inbox", "outbox"].flatMap((table) => [
    `alter table ${table} add column held integer not null default 0`,
    `alter table ${table} add column crashes integer not null default 0`,
    `create index ${table}_held on ${table} (held) where held = 1`,
    `create index ${table}_suspect on ${table} (crashes) where crashes > 0`,
  ]),
  `create index inbox_dead on inbox (seq) where state = 'dead'`,
  `create index outbox_dead on outbox (seq) where state = 'dead'`,
  // 1 = an earlier life of this database may have done it already: even the first try looks.
  `alter table outbox add column doubt integer not null default 0`,
  // How often it was put off: what the pause before the next try grows with.
  `alter table outbox add column waits integer not null default 0`,
  `alter table event add column hash text not null default ''`,
];
