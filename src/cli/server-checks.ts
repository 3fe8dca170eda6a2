/** The doctor's checks of the server: what the running one says of itself, or whether its database is whole. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { readAlone } from "../compose/alone.ts";
import type { Config } from "../config.ts";
import type { DoctorCheck } from "../protocol/requests.ts";
import { DATABASE } from "../store/backup.ts";
import { CHAIN_START } from "../store/port.ts";
import { openReading } from "../store/sqlite.ts";
import { ask } from "./client.ts";
import { harmless } from "../lib/harmless.ts";
import { print } from "./output.ts";

const Ready = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), required: z.boolean(), found: z.string() }),
  ),
});

const ALONE = "installation";
const FIXES = new Map([
  [
    ALONE,
    "two installations of one App answer the same issues: stop the other one. If there is none and the data directory was lost, it passes after a week",
  ],
]);

/** What the running server says of itself; without one, whether its database is whole. */
export async function serverChecks(config: Config): Promise<readonly DoctorCheck[]> {
  try {
    const answered = await ask(config, "GET", "/ready");
    if (answered === null) return await databaseChecks(config);
    return Ready.parse(answered.body).checks.map(({ name, ok, required, found }) => {
      const fix = FIXES.get(name) ?? "look into the server's log";
      return check(`server: ${name}`, ok, found, fix, required);
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown failure";
    return [check("server", false, why, "look into the server's log")];
  }
}

async function databaseChecks({ dataDir }: Config): Promise<readonly DoctorCheck[]> {
  const path = join(dataDir, DATABASE);
  if (!existsSync(path)) return [];
  await using reading = openReading(path);
  const alone = await readAlone(reading);
  const step = await reading.checkChain(CHAIN_START, Number.MAX_SAFE_INTEGER);
  return [
    check(
      "audit trail",
      step.kind !== "broken",
      step.kind === "broken" ? `row ${step.seq}: ${step.reason}` : `whole, ${step.at.seq} rows`,
      `the database is damaged: restore a backup (orcha restore ${join(dataDir, "backups")}/…)`,
    ),
    check(ALONE, alone.ok, alone.found, FIXES.get(ALONE) ?? "", false),
  ];
}

export function printChecks(checks: readonly DoctorCheck[]): void {
  for (const { name, ok, required, found, fix } of checks) {
    print(`${ok ? "ok  " : required ? "FAIL" : "warn"}  ${name}: ${harmless(found)}`);
    if (!ok && fix !== "") print(`      ${harmless(fix)}`);
  }
}

export const isFailure = ({ ok, required }: DoctorCheck): boolean => required && !ok;

export const check = (
  name: string,
  ok: boolean,
  found: string,
  fix: string,
  required = true,
): DoctorCheck => ({ name, ok, required, found, fix: ok ? "" : fix });
