/** `npm run sim:bugs`: hunts every planted bug and keeps the seed that finds it first. Exit 1 when one is not found. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BUGS, type Bug } from "./list.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SEEDS = path("seeds.json");
const SEEDS_MAX = 60;

export async function hunt(
  bug: Bug,
  seeds: readonly string[],
  seedsMax: number,
): Promise<{ readonly seed: string; readonly invariant: string; readonly detail: string } | null> {
  const env = { ...process.env, ORCHA_SIM_BUG: bug.name, ORCHA_SIM_SEEDS: String(seedsMax) };
  const args = ["--import", path("plant.ts"), path("hunt.ts"), ...seeds];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return JSON.parse(stdout);
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      error.code === 1 &&
      "stderr" in error &&
      error.stderr === ""
    )
      return null;
    if (error instanceof Error && "stderr" in error)
      return {
        seed: "none",
        invariant: "it does not run",
        detail: String(error.stderr).slice(0, 2_000),
      };
    throw error;
  }
}

export const keptSeeds = (): Record<string, string> => JSON.parse(readFileSync(SEEDS, "utf8"));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  const kept = keptSeeds();
  let missed = 0;
  for (const bug of BUGS.filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  )) {
    const began = performance.now();
    const known = kept[bug.name];
    const found = await hunt(bug, known === undefined ? [] : [known], SEEDS_MAX);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(
      `${found === null ? "MISSED" : "found "} ${bug.name} (${seconds} s)${found === null ? "" : `: seed ${found.seed}, ${found.invariant}: ${found.detail.slice(0, 100)}`}\n`,
    );
    if (found === null) missed += 1;
    else kept[bug.name] = found.seed;
    writeFileSync(SEEDS, `${JSON.stringify(kept, null, 2)}\n`);
  }
  process.exitCode = missed === 0 ? 0 : 1;
}
