/** Our own front over a store on disk, as `orcha serve` opens it. Arguments: port, database. */
import process from "node:process";
import { realChance } from "../../src/compose/chance.ts";
import { realClock as clock, turnOver } from "../../src/compose/clock.ts";
import { openFront } from "../../src/inbox/front.ts";
import { withArrivals } from "../../src/store/arrivals.ts";
import { openSegments } from "../../src/store/segments.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { SECRET } from "./order.ts";

const [port = "0", database = ""] = process.argv.slice(2);
const inbox = withArrivals({
  store: await openSqlite(database, clock, realChance),
  segments: openSegments(`${database}-arrivals`),
  clock,
});
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
