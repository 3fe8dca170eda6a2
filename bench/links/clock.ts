/** Prints the machine's monotonic clock, in ns, every so often: whoever reads knows how long a line was on its way. */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

const [count = "0", everyMs = "2"] = process.argv.slice(2);
for (let line = 0; line < Number(count); line++) {
  process.stdout.write(`${process.hrtime.bigint()}\n`);
  await delay(Number(everyMs));
}
