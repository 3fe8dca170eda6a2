/**
 * `npm run bench [name…] [--quick]`: prints one table. Every figure is a ratio within the same run, to a peer or to
 * what the machine can do at best, so that it means something on another machine, too. Writes nothing else.
 */
import process from "node:process";
import { tmpdir } from "node:os";
import { BENCHMARKS } from "./benchmarks.ts";
import { describeMachine } from "./machine.ts";
import { table, type Figure } from "./table.ts";

async function main(args: readonly string[]): Promise<void> {
  const quick = args.includes("--quick");
  const wanted = args.filter((arg) => !arg.startsWith("--"));
  const unknown = wanted.filter((name) => !(name in BENCHMARKS));
  if (unknown.length > 0 || args.some((arg) => arg.startsWith("--") && arg !== "--quick")) {
    process.stderr.write(
      `usage: npm run bench [${Object.keys(BENCHMARKS).join(" | ")}]… [-- --quick]\n`,
    );
    process.exitCode = 2;
    return;
  }
  const machine = describeMachine(tmpdir());
  const figures: Figure[] = [];
  for (const [name, run] of Object.entries(BENCHMARKS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`${name} …\n`);
    try {
      figures.push(...(await run({ quick })));
    } catch (error) {
      // The others are worth having all the same.
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  process.stdout.write(`${machine}\n\n${table(figures)}\n`);
}

await main(process.argv.slice(2));
