/** Our own front over a store on disk, as `orcha serve` opens it. Arguments: port, database. */
import process from "node:process";
import { realChance } from "../../src/compose/chance.ts";
import { realClock as clock, turnOver } from "../../src/compose/clock.ts";
import { openFront } from "../../src/inbox/front.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { SECRET } from "./order.ts";

const [port = "0", database = ""] = process.argv.slice(2);
const inbox = await openSqlite(database, clock, realChance);
await inbox.identity();
await openFront({
  host: "127.0.0.1",
  port: Number(port),
  path: "/api/github/webhooks",
  secrets: [SECRET],
  inbox,
  clock,
  gather: turnOver,
});
