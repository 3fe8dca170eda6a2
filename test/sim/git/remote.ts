/** The git commands of the push gate that talk to GitHub: against the emulator in this process, with its rules. */
import { isAncestorIn, takeHistory } from "../../../src/emulator/git/ancestry.ts";
import { openWire, type PushResult, type Wire } from "../../../src/emulator/git/wire.ts";
import type { InProcess } from "../../../src/emulator/in-process.ts";
import { Problem } from "../../../src/emulator/problem.ts";
import type { GitResult } from "../../../src/github/push/git.ts";
import type { RunOptions } from "../../../src/github/push/quarantine.ts";
import { done, failed, type Local, unknownCommand } from "./local.ts";

export interface Remote {
  readonly local: Local;
  readonly github: Pick<InProcess, "hub">;
  readonly now: () => number;
  readonly onPush?: (push: PushMade) => void;
}

/** A push that moved a branch. */
export interface PushMade {
  /** GitHub's time, ms. */
  readonly at: number;
  /** `owner/name`. */
  readonly repository: string;
  readonly ref: string;
  readonly sha: string;
  /** State of the newest pull request with this head when the push came; null = there was none. */
  readonly pull: "open" | "merged" | "closed" | null;
  readonly forced: boolean;
  /** It descends from what the default branch is at, or was when the work began: they share history. */
  readonly rooted: boolean;
}

export async function runRemote(
  remote: Remote,
  command: "ls-remote" | "fetch" | "push",
  args: readonly string[],
  run: RunOptions,
): Promise<GitResult> {
  const unknown = (): Error => unknownCommand([command, ...args]);
  const url = args.find((arg) => arg.startsWith("https://") || arg.startsWith("http://"));
  if (url === undefined) throw unknown();
  try {
    const access = { token: run.credential?.token, writes: command === "push" };
    const wire = openWire(remote.github.hub, url, access);
    const call = { remote, wire, args, url, unknown };
    if (command === "ls-remote") return lsRemote(call);
    return command === "fetch" ? fetchFrom(call) : await pushTo(call);
  } catch (error) {
    if (error instanceof Problem) return refusal(error, url);
    throw error;
  }
}

interface Call {
  readonly remote: Remote;
  readonly wire: Wire;
  readonly args: readonly string[];
  readonly url: string;
  readonly unknown: () => Error;
}

function lsRemote({ wire, args, unknown }: Call): GitResult {
  const [dashes, , ref = "", ...more] = args;
  if (dashes !== "--" || more.length > 0 || !ref.startsWith("refs/heads/")) throw unknown();
  const sha = wire.refs.get(ref);
  return done(sha === undefined ? "" : `${sha}\t${ref}\n`);
}

const fetchFlags = "--quiet --no-tags --no-write-fetch-head";

function fetchFrom({ remote: { local }, wire, args, url, unknown }: Call): GitResult {
  const [spec = "", ...more] = args.slice(args.indexOf(url) + 1);
  const flags = args.slice(0, args.indexOf(url)).join(" ");
  const [from = "", to = ""] = spec.replace(/^\+/u, "").split(":");
  if (more.length > 0 || to === "") throw unknown();
  const sha = /^[0-9a-f]{40}$/u.test(from) ? from : wire.refs.get(from);
  if (sha === undefined) return failed(128, `fatal: couldn't find remote ref ${from}`);
  if (!wire.has(sha)) return failed(128, `fatal: remote error: upload-pack: not our ref ${sha}`);
  switch (flags) {
    case `${fetchFlags} --depth=1 --end-of-options`:
      local.objects.take(wire.objects, sha);
      local.shallow.add(sha);
      break;
    case `${fetchFlags} --end-of-options`:
      takeHistory(local.objects, wire.objects, sha);
      break;
    case `${fetchFlags} --unshallow --end-of-options`:
      for (const cut of local.shallow)
        for (const parent of wire.objects.commit(cut)?.parents ?? [])
          takeHistory(local.objects, wire.objects, parent);
      local.shallow.clear();
      break;
    default:
      throw unknown();
  }
  local.refs.set(to, sha);
  return done("");
}

async function pushTo(call: Call): Promise<GitResult> {
  const { remote, wire, args, unknown } = call;
  const [quiet, atomic, verify, lease = "", end, , spec = "", ...more] = args;
  const flags = [quiet, atomic, verify, end].join(" ");
  const [sha = "", ref = ""] = spec.split(":");
  const expected = lease.startsWith(`--force-with-lease=${ref}:`)
    ? lease.slice(`--force-with-lease=${ref}:`.length)
    : undefined;
  if (flags !== "--quiet --atomic --no-verify --end-of-options" || more.length > 0) throw unknown();
  if (expected === undefined || !ref.startsWith("refs/heads/")) throw unknown();
  const now = wire.refs.get(ref);
  if (now === sha) return done("");
  const pull = pullOf(wire, ref);
  const update = { ref, sha, expected: expected === "" ? null : expected };
  const result = await wire.push({ ...update, objects: remote.local.objects });
  if (!result.ok) return rejected(result, sha, ref);
  const { name, owner } = wire.repository;
  const repository = `${owner.login}/${name}`;
  const { forced } = result;
  const rooted = isRooted(wire, sha);
  remote.onPush?.({ at: remote.now(), repository, ref, sha, pull, forced, rooted });
  return done("");
}

function rejected(result: Extract<PushResult, { ok: false }>, sha: string, ref: string): GitResult {
  const what = `${sha.slice(0, 7)} -> ${ref.replace("refs/heads/", "")}`;
  if (result.reason === "stale") return failed(1, ` ! [rejected]        ${what} (stale info)`);
  const why = `refusing to allow a GitHub App to create or update workflow \`${result.path}\` without \`workflows\` permission`;
  return failed(1, `remote: ${why}\n ! [remote rejected] ${what} (pre-receive hook declined)`);
}

/** The newest pull request with this head. */
function pullOf({ repository }: Wire, ref: string): PushMade["pull"] {
  const found = [...repository.issues.values()].findLast(
    ({ pull }) => pull !== undefined && `refs/heads/${pull.headRef}` === ref,
  );
  if (found === undefined) return null;
  return found.pull?.mergedAtMs === undefined ? found.state : "merged";
}

/** The first commit of the default branch is behind it. */
function isRooted({ repository, refs, objects }: Wire, sha: string): boolean {
  const main = refs.get(`refs/heads/${repository.defaultBranch}`);
  if (main === undefined) return false;
  let root = main;
  for (let next: string | undefined = main; next !== undefined;) {
    root = next;
    next = objects.commit(next)?.parents[0];
  }
  return isAncestorIn(objects, root, sha);
}

/** As git tells it. */
function refusal({ status, message }: Problem, url: string): GitResult {
  const said = `remote: ${message}`;
  if (status === 401) return failed(128, `${said}\nfatal: Authentication failed for '${url}/'`);
  if (status === 404) return failed(128, `${said}\nfatal: repository '${url}/' not found`);
  const error = `The requested URL returned error: ${status}`;
  return failed(128, `${said}\nfatal: unable to access '${url}/': ${error}`);
}
