/** Runs the hunt for one planted bug in a process of its own: the bug is in the source that process loads. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Bug } from "./list.ts";

export interface Found {
  readonly seed: string;
  readonly invariant: string;
  readonly detail: string;
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SEEDS = path("seeds.json");

/** The seeds given first, then up to `others` more; null = it was not noticed. */
export async function hunt(
  bug: Bug,
  seeds: readonly string[],
  others: number,
): Promise<Found | null> {
  const env = {
    ...process.env,
    ORCHA_SIM_BUG: bug.name,
    ORCHA_SIM_SEEDS: String(others),
    // All but the file with the bug is compiled once.
    NODE_COMPILE_CACHE: path("../../../node_modules/.cache/hunt"),
  };
  const args = ["--import", path("plant.ts"), path("hunt.ts"), ...seeds];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- hunt.ts prints it
    return JSON.parse(stdout) as Found;
  } catch (error) {
    const stderr =
      error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    return stderr === ""
      ? null
      : { seed: "none", invariant: "it does not run", detail: stderr.slice(0, 2_000) };
  }
}

/** Which seed found which bug. */
export const keptSeeds = (): Record<string, string> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
  JSON.parse(readFileSync(SEEDS, "utf8")) as Record<string, string>;

export const keepSeeds = (seeds: Readonly<Record<string, string>>): void =>
  writeFileSync(SEEDS, `${JSON.stringify(seeds, null, 2)}\n`);
