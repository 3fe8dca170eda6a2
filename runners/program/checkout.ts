/**
 * A new checkout of what upstream has now. Its own repository that borrows objects from the mirror: no
 * shared configuration, no shared refs. Nothing of ours is written inside the tracked tree.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PrepareError } from "./errors.ts";
import { makeDirectory, writeAtomic } from "./files.ts";
import { type CheckoutSpec, type Credential, type Git, checkUrl, git } from "./git.ts";
import type { Mirrors } from "./mirror.ts";
import { restoreAgentFiles } from "./restore.ts";

export interface Checkout {
  readonly path: string;
  /** The commit it started from; what the agent adds is what lies between this and its HEAD. */
  readonly base: string;
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
  { spec, path, mirror, credential }: CheckoutRequest,
): Promise<Checkout> {
  checkUrl(spec.url);
  for (const branch of [spec.from, spec.branch, spec.restoreFrom])
    if (branch !== null) await checkBranch(by, branch, mirror);
  await mirrors.refresh(by, { path: mirror, url: spec.url, credential });

  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  makeDirectory(path);
  await git(by, { args: ["init", "--quiet", "--template=", path], cwd: path, stage: "checkout" });
  const dotGit = join(path, ".git");
  makeDirectory(join(dotGit, "info"));
  writeAtomic(join(dotGit, "objects", "info", "alternates"), `${join(mirror, "objects")}\n`);
  await configure(by, path, spec);
  await fetchUpstream(by, path, { spec, credential });

  const start = `refs/remotes/origin/${spec.from}`;
  const args = [
    "-c",
    "checkout.workers=0",
    "-c",
    "core.hooksPath=/dev/null",
    "checkout",
    "--quiet",
  ];
  const target =
    spec.branch === null ? ["--detach", start] : ["--no-track", "-b", spec.branch, start];
  await git(by, { args: [...args, ...target], cwd: path, stage: "checkout" });
  const head = await git(by, { args: ["rev-parse", "HEAD"], cwd: path, stage: "checkout" });
  if (spec.restoreFrom !== null)
    await restoreAgentFiles(by, path, `refs/remotes/origin/${spec.restoreFrom}`);
  return { path, base: head.toString("utf8").trim() };
}

async function configure(by: Git, path: string, spec: CheckoutSpec): Promise<void> {
  const settings = [
    ["remote.origin.url", spec.url],
    ["remote.origin.fetch", `+refs/heads/${spec.from}:refs/remotes/origin/${spec.from}`],
    ["remote.origin.tagOpt", "--no-tags"],
    ["gc.auto", "0"],
  ] as const;
  for (const [name, value] of settings)
    await git(by, { args: ["config", name, value], cwd: path, stage: "checkout" });
}

/** Always from the real upstream, never from the mirror: fatal when it fails. */
async function fetchUpstream(
  by: Git,
  path: string,
  { spec, credential }: { readonly spec: CheckoutSpec; readonly credential: Credential | null },
): Promise<void> {
  const branches = new Set([spec.from, ...(spec.restoreFrom === null ? [] : [spec.restoreFrom])]);
  const refspecs = [...branches].map((name) => `+refs/heads/${name}:refs/remotes/origin/${name}`);
  const options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
  await git(by, {
    args: ["fetch", ...options, "origin", ...refspecs],
    cwd: path,
    stage: "fetch",
    remote: { url: spec.url, credential },
  });
}

/** Branch names come from GitHub: only what git itself would accept as a branch, and nothing like an option. */
async function checkBranch(by: Git, branch: string, mirror: string): Promise<void> {
  const cwd = existsSync(mirror) ? mirror : "/";
  try {
    await git(by, { args: ["check-ref-format", `refs/heads/${branch}`], cwd, stage: "fetch" });
  } catch (error) {
    if (error instanceof PrepareError && error.message.includes("cannot be started")) throw error;
    throw new PrepareError("fetch", `not a branch name: ${branch}`, false, { cause: error });
  }
  if (branch.startsWith("-"))
    throw new PrepareError("fetch", `not a branch name: ${branch}`, false);
}
