/** The least a control plane does to be there again: opens its database, connects to its runner. Arguments: both. */
import { once } from "node:events";
import { createConnection } from "node:net";
import process from "node:process";
import Database from "better-sqlite3";

const [database = "", socket = ""] = process.argv.slice(2);
const db = new Database(database);
db.pragma("journal_mode = wal");
db.prepare("select count(*) from session").get();
const connection = createConnection(socket);
await once(connection, "connect");
process.stdout.write("there\n");
connection.destroy();
db.close();
