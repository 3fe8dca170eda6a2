/**
 * A new checkout of what upstream has now. Its own repository that borrows objects from the mirror: no
 * shared configuration, no shared refs. Nothing of ours is written inside the tracked tree.
 */
import { appendFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PrepareError } from "./errors.ts";
import { makeDirectory, writeAtomic } from "./files.ts";
import { type CheckoutSpec, type Credential, type Git, NO_BRANCH, checkUrl, git } from "./git.ts";
import type { Mirrors } from "./mirror.ts";
import { notesOn } from "./notes.ts";
import { restoreAgentFiles } from "./restore.ts";

export interface Checkout {
  readonly path: string;
  /** The commit it started from; what the agent adds is what lies between this and its HEAD. */
  readonly base: string;
  /** What is not in it although one may expect it, for the agent and for people. */
  readonly notes: readonly string[];
}

export interface CheckoutRequest {
  readonly spec: CheckoutSpec;
  readonly path: string;
  readonly mirror: string;
  readonly credential: Credential | null;
}

/** Throws PrepareError. What an interrupted try left at the path is removed first. */
export async function createCheckout(
  by: Git,
  mirrors: Mirrors,
  request: CheckoutRequest,
): Promise<Checkout> {
  const { spec, mirror } = request;
  checkUrl(spec.url);
  for (const branch of new Set([spec.from, spec.branch, spec.restoreFrom]))
    if (branch !== null) await checkBranch(by, branch, mirror);
  const generation = mirrors.generation(mirror);
  try {
    return await tryCheckout(by, mirrors, request);
  } catch (error) {
    if (!(error instanceof PrepareError) || !error.damage || by.signal.aborted) throw error;
    // Everything here but the mirror is new: whatever is broken came from there. Once, from a new one.
    mirrors.condemn(mirror, generation, error.message);
    return await tryCheckout(by, mirrors, request);
  }
}

async function tryCheckout(
  by: Git,
  mirrors: Mirrors,
  { spec, path, mirror, credential }: CheckoutRequest,
): Promise<Checkout> {
  const request = { path: mirror, url: spec.url, credential };
  const isNew = !mirrors.has(request);
  if (isNew) await mirrors.refresh(by, request);

  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  makeDirectory(path);
  await git(by, { args: ["init", "--quiet", "--template=", path], cwd: path, stage: "checkout" });
  const dotGit = join(path, ".git");
  makeDirectory(join(dotGit, "info"));
  writeAtomic(join(dotGit, "objects", "info", "alternates"), `${join(mirror, "objects")}\n`);
  configure(dotGit, spec);
  await fetchUpstream(by, path, { spec, credential });
  // What the mirror lacked came from upstream; it catches up for the next one meanwhile.
  const caughtUp =
    isNew || !hasOwnObjects(dotGit)
      ? null
      : mirrors.refresh(by, request).catch(() => {
          // A cache: what it still lacks is fetched again.
        });
  try {
    await narrow(by, path, spec);
    const base = await checkOut(by, path, spec);
    if (spec.restoreFrom !== null)
      await restoreAgentFiles(by, path, `refs/remotes/origin/${spec.restoreFrom}`);
    return { path, base, notes: [...sparseNotes(spec), ...(await notesOn(by, path))] };
  } finally {
    await caughtUp;
  }
}

/** Before anything is checked out. Cone mode: whole directories, and the files beside them on the way. */
async function narrow(by: Git, path: string, { sparse = [] }: CheckoutSpec): Promise<void> {
  if (sparse.length === 0) return;
  // Files of the base branch are there although their entries say `skip-worktree`: git must not take that back.
  await git(by, {
    args: ["config", "sparse.expectFilesOutsideOfPatterns", "true"],
    cwd: path,
    stage: "checkout",
  });
  await git(by, {
    args: ["sparse-checkout", "set", "--cone", "--no-sparse-index", "--stdin"],
    cwd: path,
    stage: "checkout",
    stdin: sparse.map((directory) => `${directory}\n`).join(""),
  });
}

const sparseNotes = ({ sparse = [] }: CheckoutSpec): readonly string[] =>
  sparse.length === 0
    ? []
    : [
        `only these directories are checked out: ${sparse.join(", ")}; git has the rest: git sparse-checkout add DIRECTORY brings more`,
      ];

/** Returns the commit. */
async function checkOut(by: Git, path: string, spec: CheckoutSpec): Promise<string> {
  const start = `refs/remotes/origin/${spec.from}`;
  const options = ["-c", "checkout.workers=0", "-c", "core.hooksPath=/dev/null"];
  const target =
    spec.branch === null ? ["--detach", start] : ["--no-track", "-b", spec.branch, start];
  const args = [...options, "checkout", "--quiet", ...target];
  await git(by, { args, cwd: path, stage: "checkout" });
  const head = await git(by, { args: ["rev-parse", "HEAD"], cwd: path, stage: "checkout" });
  return head.toString("utf8").trim();
}

/** Some came that are not borrowed from the mirror. */
function hasOwnObjects(dotGit: string): boolean {
  const objects = join(dotGit, "objects");
  return ["pack", ...readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/u.test(name))].some(
    (name) => existsSync(join(objects, name)) && readdirSync(join(objects, name)).length > 0,
  );
}

/** Written at once: a `git config` for each would take longer than the checkout of a small repository. */
function configure(dotGit: string, spec: CheckoutSpec): void {
  const text = [
    '[remote "origin"]',
    `\turl = ${quoted(spec.url)}`,
    `\tfetch = ${quoted(`+refs/heads/${spec.from}:refs/remotes/origin/${spec.from}`)}`,
    "\ttagOpt = --no-tags",
    "[gc]",
    "\tauto = 0",
    "",
  ];
  appendFileSync(join(dotGit, "config"), text.join("\n"));
}

/** As git itself writes values. URL and branch were checked: a line break would begin a setting of its own. */
const quoted = (value: string): string => `"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"`;

/** Always from the real upstream, never from the mirror: fatal when it fails. */
async function fetchUpstream(
  by: Git,
  path: string,
  { spec, credential }: { readonly spec: CheckoutSpec; readonly credential: Credential | null },
): Promise<void> {
  const branches = new Set([spec.from, ...(spec.restoreFrom === null ? [] : [spec.restoreFrom])]);
  const refspecs = [...branches].map((name) => `+refs/heads/${name}:refs/remotes/origin/${name}`);
  const options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
  const there = { cwd: path, stage: "fetch", remote: { url: spec.url, credential } } as const;
  try {
    await git(by, { args: ["fetch", ...options, "origin", ...refspecs], ...there });
  } catch (error) {
    if (!(error instanceof PrepareError) || !error.message.includes(NO_BRANCH)) throw error;
    const refs = await git(by, { args: ["ls-remote", "--heads", "origin"], ...there });
    if (refs.byteLength > 0) throw error;
    const reason = `upstream ${spec.url} is empty: push a first commit to ${spec.from}`;
    throw new PrepareError("fetch", reason, false, { cause: error });
  }
}

/** Branch names come from GitHub: only what git itself would accept as a branch, and nothing like an option. */
async function checkBranch(by: Git, branch: string, mirror: string): Promise<void> {
  if (goodBranches.has(branch)) return;
  const cwd = existsSync(mirror) ? mirror : "/";
  try {
    await git(by, { args: ["check-ref-format", `refs/heads/${branch}`], cwd, stage: "fetch" });
  } catch (error) {
    if (error instanceof PrepareError && error.message.includes("cannot be started")) throw error;
    throw new PrepareError("fetch", `not a branch name: ${branch}`, false, { cause: error });
  }
  if (branch.startsWith("-"))
    throw new PrepareError("fetch", `not a branch name: ${branch}`, false);
  if (goodBranches.size >= GOOD_BRANCHES_MAX) goodBranches.clear();
  goodBranches.add(branch);
}

/** What git has accepted it accepts again: most sessions begin at the same few branches. */
const goodBranches = new Set<string>();
const GOOD_BRANCHES_MAX = 1_000;
