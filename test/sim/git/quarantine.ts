/**
 * The push gate's quarantine without git: an interpreter of exactly the commands the gate gives, over commits in
 * memory, against an emulator in this process. A command or an option it does not know is a bug of the simulation and
 * throws. What `around` does to the network, the gate sees as git would show it.
 */
import type { InProcess } from "../../../src/emulator/in-process.ts";
import { openObjects } from "../../../src/emulator/git/objects.ts";
import type { GitResult } from "../../../src/github/push/git.ts";
import {
  GitFailed,
  type openQuarantine,
  type Quarantine,
  type RunOptions,
} from "../../../src/github/push/quarantine.ts";
import { failed, type Local, runLocal } from "./local.ts";
import { type PushMade, type Remote, runRemote } from "./remote.ts";

export type NetworkCommand = "ls-remote" | "fetch" | "push";

export interface QuarantineOptions {
  readonly github: Pick<InProcess, "hub">;
  /** Date of the commits the gate makes. */
  readonly now: () => number;
  /** Goes around every command that talks to GitHub; default: does it. */
  readonly around?: (command: NetworkCommand, run: () => Promise<GitResult>) => Promise<GitResult>;
  /** Hears of every push that moved a branch, in the moment it does. */
  readonly onPush?: (push: PushMade) => void;
}

/** What `PushGateOptions.quarantine` takes. */
export function openQuarantines(options: QuarantineOptions): typeof openQuarantine {
  return async () => open(options);
}

function open(options: QuarantineOptions): Quarantine {
  const local: Local = {
    objects: openObjects(),
    shallow: new Set(),
    refs: new Map(),
    now: options.now,
  };
  const remote: Remote = { ...options, local };
  const git: Quarantine["git"] = async (args, run = {}) => {
    const [command = ""] = args;
    if (!isNetworkCommand(command)) return runLocal(local, args, run);
    const around = options.around ?? ((_, work) => work());
    return around(command, () => runRemote(remote, command, args.slice(1), run));
  };
  const output = async (args: readonly string[], run: RunOptions = {}): Promise<string> => {
    const result = await git(args, run);
    if (result.code !== 0) throw new GitFailed(args[0] ?? "", result);
    return result.stdout.toString("utf8").trim();
  };
  return { git, output, [Symbol.asyncDispose]: async () => undefined };
}

/** The answer of a git command whose connection failed, or whose answer never came. */
export function connectionFailed(): GitResult {
  return failed(128, "fatal: unable to access GitHub: The requested URL returned error: 502");
}

const isNetworkCommand = (command: string): command is NetworkCommand =>
  command === "ls-remote" || command === "fetch" || command === "push";
