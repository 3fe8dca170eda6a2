/**
 * `orcha pull SESSION [DIR]`: a session's work, committed or not, as a branch of a local clone. Neither the working tree nor the
 * index is touched, and no branch is overwritten.
 *
 * The bundle was made where a hostile agent may have been: its pack goes through `index-pack --strict` before anything of it is
 * stored (`git fetch` does not check bundles), no hook runs, and no submodule is followed.
 */
import { resolve } from "node:path";
import * as z from "zod";
import { parseBundle } from "../github/push/bundle.ts";
import { localConfig } from "./client.ts";
import { openClone, type Clone } from "./clone.ts";
import { harmless } from "../lib/harmless.ts";
import { CliError, print, printJson, remark } from "./output.ts";
import { askSession } from "./session-client.ts";

const sha = z.string().regex(/^[0-9a-f]{40,64}$/u);
const Work = z.object({
  head: sha,
  snapshot: z.nullable(sha),
  base: sha,
  skipped: z.array(z.string()),
  bundle: z.string(),
});
type Work = z.infer<typeof Work>;

export interface PullOptions {
  readonly branch?: string;
  readonly json?: boolean;
}

const SHOWN_MAX = 20;
const NAMES_MAX = 50;

export async function pull(id: string, directory: string, options: PullOptions): Promise<void> {
  const clone = await openClone(resolve(directory));
  const wanted = options.branch ?? `orcha/${id}`;
  await clone.checkBranch(wanted);
  const path = `${encodeURIComponent(id)}/work`;
  const work = Work.parse(await askSession(localConfig(), "GET", path));
  const { head, snapshot, base, skipped } = work;
  if (head === base && snapshot === null)
    throw new CliError(`${id} has made nothing yet: no commit, no change in its checkout`);
  await take(clone, work);
  const tip = snapshot ?? head;
  const branch = await put(clone, wanted, tip);
  if (options.json === true) return printJson({ branch, head, snapshot, base, skipped });
  const { lines, more } = await clone.log(base, tip, SHOWN_MAX);
  for (const line of lines) print(`  ${harmless(line)}`);
  if (more) print("  …");
  for (const line of skipped) remark(`left out: ${harmless(line)}`);
  print(
    `${branch} is at ${tip.slice(0, 12)}${snapshot === null ? "" : ", the newest commit holds what was not committed"}`,
  );
  print(
    (await clone.isDirty())
      ? `your working tree has changes of its own and was not touched: git worktree add ../${id} ${branch}`
      : `next: git switch ${branch}`,
  );
}

async function take(clone: Clone, { base, head, snapshot, bundle }: Work): Promise<void> {
  if (!(await clone.has(base)))
    throw new CliError(
      `${clone.directory} does not have ${base.slice(0, 12)}, from which the session started: run git fetch there, or is it a clone of another repository?`,
    );
  const parsed = parseBundle(Buffer.from(bundle, "base64"));
  if (!parsed.ok) throw new CliError(`what came is no bundle: ${parsed.reason}`);
  for (const before of parsed.bundle.prerequisites)
    if (!(await clone.has(before)))
      throw new CliError(`${clone.directory} does not have ${before.slice(0, 12)}: run git fetch there`); // prettier-ignore
  await clone.store(parsed.bundle.pack);
  for (const commit of [head, ...(snapshot === null ? [] : [snapshot])])
    if (!(await clone.has(commit)))
      throw new CliError(`the bundle does not hold ${commit.slice(0, 12)}, as was said of it`);
}

/** On the wanted branch when that only moves forward and nobody has it checked out; otherwise on the next free name. */
async function put(clone: Clone, wanted: string, tip: string): Promise<string> {
  for (let number = 1; number <= NAMES_MAX; number += 1) {
    const branch = number === 1 ? wanted : `${wanted}-${number}`;
    const old = await clone.branch(branch);
    if (old === tip) return branch;
    const forward = old === null || (await clone.isForward(branch, old, tip));
    if (forward && (await clone.move(branch, old, tip))) {
      if (number > 1) remark(`${wanted} is something else, or checked out: it stays as it is`);
      return branch;
    }
  }
  throw new CliError(`${wanted} and ${NAMES_MAX - 1} names like it are taken: give --branch NAME`);
}
