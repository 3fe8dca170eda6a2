/** Old deliveries are found without looking at young ones. */
import { sql, type Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index delivery_over on delivery (received_at) where state <> 'new'`.execute(db);
}
