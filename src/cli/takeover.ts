/** `orcha takeover SESSION` and `orcha resume SESSION`: a person works in a session's checkout, and gives it back. */
import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import type { Config } from "../config.ts";
import { localConfig } from "./client.ts";
import { harmless } from "../lib/harmless.ts";
import { CliError, print, printJson, remark } from "./output.ts";
import { ask, personHere } from "./person.ts";
import { askSession, detail, type Detail } from "./session-client.ts";

const LOOK_MS = 300;
/** A turn may take hours: what was asked for stands, also when nobody waits any more. */
const WAIT_MS_MAX = 10 * 60_000;

interface Json {
  readonly json?: boolean;
}

export async function takeover(
  id: string,
  { now = false, json = false }: Json & { readonly now?: boolean },
): Promise<void> {
  const config = localConfig();
  const path = `${encodeURIComponent(id)}/takeover`;
  await askSession(config, "POST", path, { ...ask(), now });
  const taken = await waitUntilTaken(config, id);
  if (json) printJson(taken);
  else if (taken.state === "paused") printTaken(taken);
  else
    print(
      `${id} is ${taken.state}: it is yours when its turn ends (orcha takeover ${id} --now stops it at once)`,
    );
}

async function waitUntilTaken(config: Config, id: string): Promise<Detail> {
  let said = "";
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const found = await detail(config, id);
    if (found.over) throw new CliError(`${id} has ended meanwhile: ${harmless(found.status)}`);
    if (found.state === "paused" || waitedMs >= WAIT_MS_MAX) return found;
    if (said !== found.status) remark(`${harmless(found.status)} …`);
    said = found.status;
    await delay(LOOK_MS);
  }
}

function printTaken({ id, runner, workspace, branch, takenBy, away }: Detail): void {
  if (takenBy !== personHere()) remark(`it is ${takenBy ?? "somebody"}'s already`);
  print(`session:   ${id}, stopped; nothing wakes it until it is given back`);
  print(`runner:    ${runner ?? "none yet"}${away === null ? "" : ` (${harmless(away)})`}`);
  print(`workspace: ${workspace ?? "none yet"}`);
  print(`branch:    ${branch ?? "none"}`);
  if (workspace !== null) print(`get in:    orcha attach ${id} --shell`);
  if (workspace !== null) print(`take out:  orcha pull ${id} (in a clone of yours)`);
  print(`give back: orcha resume ${id} [-m "what you did"]`);
}

const Resumed = z.object({
  changes: z.nullable(
    z.object({
      commits: z.array(z.object({ sha: z.string(), subject: z.string() })),
      moreCommits: z.boolean(),
      files: z.array(z.string()),
      moreFiles: z.boolean(),
    }),
  ),
});

export async function resume(
  id: string,
  { message, json = false }: Json & { readonly message?: string },
): Promise<void> {
  const config = localConfig();
  const path = `${encodeURIComponent(id)}/resume`;
  const body = await askSession(config, "POST", path, { ...ask(), text: message ?? null });
  if (json) return printJson(body);
  const { changes } = Resumed.parse(body);
  if (changes === null) print(`${id} goes on`);
  else {
    const { commits, moreCommits, files, moreFiles } = changes;
    print(`${id} goes on, and hears of these changes:`);
    if (commits.length + files.length === 0) print("  none");
    for (const { sha, subject } of commits) print(`  commit ${sha.slice(0, 12)} ${harmless(subject)}`); // prettier-ignore
    if (moreCommits) print("  and more commits");
    for (const file of files) print(`  not committed: ${harmless(file)}`);
    if (moreFiles) print("  and more files");
  }
}
