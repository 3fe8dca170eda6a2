/** `orcha doctor`: everything an installation needs, checked by trying it; each failure says what to do. */
import { execa } from "execa";
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as z from "zod";
import { readOwnApp } from "../compose.ts";
import { examineRunner } from "../compose/runner.ts";
import { readConfig, type Config } from "../config.ts";
import { PERMISSIONS } from "../github/permissions.ts";
import { SUBSCRIBED_EVENTS } from "../inbox/webhook.ts";
import type { DoctorCheck } from "../protocol/requests.ts";
import { DoctorReply } from "../protocol/requests.ts";
import { ask, refusalOf } from "./client.ts";
import { check, isFailure, printChecks, serverChecks } from "./server-checks.ts";
import { sizeChecks } from "./sizes.ts";
import { printJson } from "./output.ts";

/** `merge-tree --write-tree`, which keeps people's commits on our branches, came with 2.38. */
const GIT_MIN = [2, 38] as const;
/** The database must always be able to grow: a full disk stops everything. */
const FREE_BYTES_MIN = 1024 ** 3;

export async function doctor({ json = false }: { readonly json?: boolean }): Promise<void> {
  const checks = await examine();
  if (json) printJson(checks);
  else printChecks(checks);
  if (checks.some(isFailure)) process.exitCode = 1;
}

async function examine(): Promise<readonly DoctorCheck[]> {
  const local = readConfig(process.env, { app: "unused" });
  const full = readConfig(process.env, { app: "required" });
  const problems = full.ok ? [] : full.problems;
  const settings = problems.map(({ name, message }) =>
    check(name, false, message, "see the table of settings in README.md"),
  );
  if (!local.ok) return [await gitCheck(), ...settings];
  const { config } = local;
  return [
    check("node", true, process.version, ""),
    await gitCheck(),
    ...(settings.length === 0 ? [check("settings", true, "complete", "")] : settings),
    ...dataChecks(config),
    ...(await sizeChecks(config)),
    ...(full.ok ? await appChecks(full.config) : []),
    ...(await runnerChecks(config)),
    ...(await serverChecks(config)),
  ];
}

async function gitCheck(): Promise<DoctorCheck> {
  const { stdout, failed } = await execa("git", ["--version"], { reject: false });
  const found = /\d+(?:\.\d+)+/u.exec(stdout)?.[0] ?? "";
  const [major = 0, minor = 0] = found.split(".").map(Number);
  const ok = !failed && (major > GIT_MIN[0] || (major === GIT_MIN[0] && minor >= GIT_MIN[1]));
  return check(
    "git",
    ok,
    found === "" ? "not found" : found,
    `install git ${GIT_MIN.join(".")} or newer (Debian: apt-get install git)`,
  );
}

function dataChecks({ dataDir }: Config): readonly DoctorCheck[] {
  const name = "data directory";
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown failure";
    return [check(name, false, why, `make ${dataDir} writable, or set ORCHA_DATA_DIR`)];
  }
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  const gigabytes = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return [
    check(name, true, dataDir, ""),
    check("disk", free >= FREE_BYTES_MIN, gigabytes, `free some space on the disk of ${dataDir}`),
  ];
}

async function appChecks(config: Config): Promise<readonly DoctorCheck[]> {
  const { webUrl } = config.github;
  try {
    const app = await readOwnApp(config);
    const missing = Object.values(PERMISSIONS)
      .flatMap((set) => Object.entries(set))
      .filter(([name, level]) => !grants(app.permissions[name], level))
      .map(([name, level]) => `${name}: ${level}`);
    const where = `the App's settings on ${webUrl}`;
    return [
      check("app", true, `${app.slug} on ${webUrl}`, ""),
      check(
        "permissions",
        missing.length === 0,
        missing.length === 0 ? "enough" : `missing ${[...new Set(missing)].join(", ")}`,
        `grant them in ${where} (app.yml lists them), then accept them for each installation`,
      ),
      eventsCheck(config, app.events),
    ];
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown failure";
    return [
      check(
        "app",
        false,
        why,
        `check APP_ID, the private key and that ${config.github.apiUrl} can be reached from here`,
      ),
    ];
  }
}

/** Who looks for itself needs no events. */
export function eventsCheck(
  { webhook, github }: Pick<Config, "webhook" | "github">,
  events: readonly string[],
): DoctorCheck {
  const pull = webhook.ingest === "pull";
  const silent = pull ? [] : SUBSCRIBED_EVENTS.filter((name) => !events.includes(name));
  const enough = pull ? "none are needed: ORCHA_INGEST=pull" : "enough";
  return check(
    "events",
    silent.length === 0,
    silent.length === 0 ? enough : `not subscribed to ${silent.join(", ")}`,
    `tick them in the App's settings on ${github.webUrl}`,
  );
}

const grants = (has: string | undefined, wants: "read" | "write"): boolean =>
  has === "write" || has === "admin" || (has === "read" && wants === "read");

/** Of every runner, through the server; without one, of this machine, if agents may run here. */
async function runnerChecks(config: Config): Promise<readonly DoctorCheck[]> {
  const answered = await ask(config, "GET", "/runners");
  if (answered !== null) {
    const runners = z.array(z.object({ name: z.string() })).parse(answered.body);
    const found = await Promise.all(runners.map(({ name }) => runnerCheck(config, name)));
    return found.length === 0 ? [check("runners", false, "none", ADD_ONE)] : found.flat();
  }
  if (!config.unsafeLocal) return [];
  try {
    return named("local", (await examineRunner(config)).checks);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown failure";
    const log = join(config.runtimeDir, "daemon.log");
    return [
      check("runner local", false, why, existsSync(log) ? `look into ${log}` : "see the message"),
    ];
  }
}

const ADD_ONE = "register a machine: orcha runner add NAME ssh://user@host";
/** A machine that is not there is waited for until then. */
const RUNNER_MS_MAX = 200_000;

async function runnerCheck(config: Config, name: string): Promise<readonly DoctorCheck[]> {
  const path = `/runners/${encodeURIComponent(name)}/doctor`;
  const answered = await ask(config, "GET", path, { timeoutMs: RUNNER_MS_MAX });
  const report = DoctorReply.safeParse(answered?.body);
  if (report.success) return named(name, report.data.checks);
  const why = answered === null ? "no answer" : refusalOf(answered);
  return [check(`runner ${name}`, false, why, `orcha runner show ${name}`)];
}

const named = (name: string, checks: readonly DoctorCheck[]): readonly DoctorCheck[] =>
  checks.map((one) => Object.assign(one, { name: `runner ${name}: ${one.name}` }));
