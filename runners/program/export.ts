/**
 * Git in a checkout where an agent has run. Its configuration, hooks and attributes are hostile, so only
 * `rev-parse`, `rev-list` and `bundle create` may run here: none of them executes anything a repository
 * can name (measured over 30 ways to try), and no protocol is allowed, so none of them fetches either.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { ExportReply } from "../../src/protocol/requests.ts";
import { PAYLOAD_BYTES_MAX } from "../../src/protocol/frame.ts";
import { RequestError } from "./errors.ts";
import { gitEnv } from "./git.ts";
import { type RunResult, run } from "./run.ts";

const TIMEOUT_MS = 5 * 60_000;
const SHA = /^[0-9a-f]{40,64}$/u;

export interface Exporting {
  readonly path: string;
  readonly home: string;
  readonly signal?: AbortSignal;
}

/** Bundles what HEAD has and `base` has not. Throws RequestError `gone | nothing-committed | too-large | failed`. */
export async function exportBundle(
  at: Exporting,
  base: string,
): Promise<{ readonly reply: ExportReply; readonly bundle: Uint8Array }> {
  const head = await exportHead(at);
  if (head === null) throw new RequestError("gone", `there is no git repository at ${at.path}`);
  const counted = await isolatedGit(at, ["rev-list", "--count", head, `^${base}`, "--"]);
  const commits = Number(text(counted));
  if (counted.code !== 0 || !Number.isInteger(commits))
    throw new RequestError("failed", `cannot compare ${head} with ${base}: ${complaint(counted)}`);
  if (commits === 0)
    throw new RequestError(
      "nothing-committed",
      `nothing committed since ${base}; commit your work and call again`,
    );
  const args = ["bundle", "create", "--quiet", "-", "HEAD", `^${base}`];
  const bundled = await isolatedGit(at, args, PAYLOAD_BYTES_MAX);
  if (bundled.kind === "too-large")
    throw new RequestError(
      "too-large",
      `the commits since ${base} take more than ${PAYLOAD_BYTES_MAX} bytes`,
    );
  if (bundled.code !== 0)
    throw new RequestError("failed", `git bundle failed in ${at.path}: ${complaint(bundled)}`);
  const bundle = bundled.stdout;
  // The agent may have committed in between: what counts is what the bundle says.
  const bundledHead = /^([0-9a-f]{40,64}) HEAD$/mu.exec(bundle.toString("latin1", 0, 4096))?.[1];
  return {
    reply: { head: bundledHead ?? head, base, commits, bytes: bundle.byteLength },
    bundle,
  };
}

/** The commit HEAD stands for; null when there is no repository or no commit. */
export async function exportHead(at: Exporting): Promise<string | null> {
  const dotGit = lstatSync(join(at.path, ".git"), { throwIfNoEntry: false });
  // A file or link in its place could lead into another session's repository.
  if (dotGit?.isDirectory() !== true) return null;
  const result = await isolatedGit(at, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  const sha = text(result);
  return result.code === 0 && SHA.test(sha) ? sha : null;
}

const TIPS_MAX = 200;

/** Commits of HEAD, of local branches and of the stash. Throws RequestError `gone | failed`. */
export async function localTips(at: Exporting): Promise<readonly [string, ...string[]]> {
  const head = await exportHead(at);
  if (head === null) throw new RequestError("gone", `there is no commit at ${at.path}`);
  // `--glob` without a wildcard would look below it.
  const listed = await isolatedGit(
    at,
    ["rev-parse", "--branches", "--glob=refs/stas[h]"],
    TIPS_MAX * 65,
  );
  const tips = new Set(text(listed).split("\n").filter(Boolean));
  tips.delete(head);
  if (listed.code !== 0 || [...tips].some((tip) => !SHA.test(tip)))
    throw new RequestError(
      "failed",
      `cannot list the branches of ${at.path}: ${complaint(listed)}`,
    );
  return [head, ...tips];
}

export function isolatedGit(
  { path, home, signal }: Exporting,
  args: readonly string[],
  stdoutBytesMax = 4096,
): Promise<RunResult> {
  return run("git", [`--git-dir=${join(path, ".git")}`, ...args], {
    cwd: path,
    env: gitEnv(home),
    timeoutMs: TIMEOUT_MS,
    stdoutBytesMax,
    ...(signal === undefined ? {} : { signal }),
  });
}

function text(result: RunResult): string {
  return result.stdout.toString("utf8").trim();
}

function complaint({ kind, stderr }: RunResult): string {
  return kind === "exited" ? stderr.trim().slice(0, 400) : `${kind} ${stderr}`.trim();
}
