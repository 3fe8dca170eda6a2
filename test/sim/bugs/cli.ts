/** `npm run sim:bugs -- [PART OF A NAME…]`: hunts planted bugs and keeps the seed that finds each. Exit 1 when one is missed. */
import process from "node:process";
import { hunt, keepSeeds, keptSeeds } from "./hunting.ts";
import { BUGS } from "./list.ts";

const OTHERS = 60;

const wanted = process.argv.slice(2);
const seeds = keptSeeds();
const bugs = BUGS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);
let missed = 0;
for (const bug of bugs) {
  const began = performance.now();
  const known = seeds[bug.name];
  const found = await hunt(bug, known === undefined ? [] : [known], OTHERS);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (found === null || found.seed === "none") missed += 1;
  else keepSeeds({ ...keptSeeds(), [bug.name]: found.seed });
  const how =
    found === null ? "" : `: seed ${found.seed}, ${found.invariant}: ${found.detail.slice(0, 120)}`;
  process.stdout.write(
    `${found === null ? "MISSED" : "found "} ${bug.name} (${seconds} s)${how}\n`,
  );
}
process.stdout.write(`${bugs.length - missed} of ${bugs.length} planted bugs found\n`);
process.exitCode = missed === 0 && bugs.length > 0 ? 0 : 1;
