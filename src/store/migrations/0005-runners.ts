/** Runners on other machines: how they are reached, which key they have, what they are good for. */
import { sql, type Kysely } from "kysely";

const STATEMENTS = [
  `alter table runner add column labels text not null default '[]'`,
  // JSON; null = this machine.
  `alter table runner add column address text`,
  `alter table runner add column host_key text`,
  // Why it takes nothing, in words; null = nothing is wrong.
  `alter table runner add column problem text`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
