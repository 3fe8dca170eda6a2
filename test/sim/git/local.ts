/** The git commands of the push gate that need no network. */
import { isAncestorIn, mergeBaseIn, type Graph, walk } from "../../../src/emulator/git/ancestry.ts";
import { compareMaps } from "../../../src/emulator/git/compare.ts";
import {
  commitOf,
  type FileMap,
  filesOf,
  type Objects,
} from "../../../src/emulator/git/objects.ts";
import { mergeMaps } from "../../../src/emulator/git/threeway.ts";
import type { GitResult } from "../../../src/github/push/git.ts";
import type { RunOptions } from "../../../src/github/push/quarantine.ts";
import { readPack } from "./pack.ts";

export interface Local {
  readonly objects: Objects;
  /** Commits whose parents were not fetched. */
  readonly shallow: Set<string>;
  readonly refs: Map<string, string>;
  readonly now: () => number;
}

export function runLocal(local: Local, args: readonly string[], run: RunOptions): GitResult {
  const [command = "", ...rest] = args;
  const known = commands[command];
  if (known === undefined) throw unknownCommand(args);
  return known({ local, args: rest, run, unknown: () => unknownCommand(args) });
}

interface Call {
  readonly local: Local;
  readonly args: readonly string[];
  readonly run: RunOptions;
  readonly unknown: () => Error;
}

const commands: Readonly<Record<string, (call: Call) => GitResult>> = {
  "index-pack": indexPack,
  "merge-base": mergeBase,
  "merge-tree": mergeTree,
  "commit-tree": commitTree,
  "rev-list": revList,
  "diff-tree": diffTree,
  "cat-file": catFile,
};

function indexPack({ local, args, run, unknown }: Call): GitResult {
  const [stdin, thin, strict, size = "", ...more] = args;
  const max = /^--max-input-size=(?<bytes>\d+)$/u.exec(size)?.groups?.["bytes"];
  const expected = stdin === "--stdin" && thin === "--fix-thin" && strict === "--strict";
  if (!expected || max === undefined || more.length > 0) throw unknown();
  const { input = new Uint8Array() } = run;
  if (input.byteLength > Number(max))
    return failed(128, "fatal: pack exceeds maximum allowed size");
  const wrong = readPack(local.objects, input);
  return wrong === null ? done("") : failed(wrong.startsWith("error") ? 1 : 128, wrong);
}

function mergeBase({ local, args, unknown }: Call): GitResult {
  const [flag, older = "", newer = "", ...more] = args;
  if (flag !== "--is-ancestor" || more.length > 0) throw unknown();
  const missing = [older, newer].find((sha) => local.objects.commit(sha) === undefined);
  if (missing !== undefined) return failed(128, `fatal: Not a valid commit name ${missing}`);
  return isAncestorIn(graphOf(local), older, newer) ? done("") : failed(1, "");
}

function mergeTree({ local, args, unknown }: Call): GitResult {
  const flags = ["--write-tree", "--name-only", "--no-messages", "-z"];
  const [one = "", other = "", ...more] = args.slice(flags.length);
  if (flags.some((flag, index) => args[index] !== flag) || more.length > 0) throw unknown();
  const { objects } = local;
  const base = mergeBaseIn(graphOf(local), one, other);
  if (base === undefined) return failed(128, "fatal: refusing to merge unrelated histories");
  const [ours, theirs] = [filesOf(objects, one), filesOf(objects, other)];
  const merged = mergeMaps(filesOf(objects, base), ours, theirs);
  if (merged.ok) return done(`${objects.addTree(merged.files)}\0`);
  return {
    ...failed(1, ""),
    stdout: Buffer.from(`${objects.addTree(ours)}\0${merged.conflicts.join("\0")}\0`),
  };
}

function commitTree({ local, args, run, unknown }: Call): GitResult {
  const [tree = "", p1, one = "", p2, other = "", m, message, ...more] = args;
  const { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email } = run.env ?? {};
  const expected = p1 === "-p" && p2 === "-p" && m === "-m" && more.length === 0;
  if (!expected || message === undefined || name === undefined || email === undefined)
    throw unknown();
  const author = { name, email, atMs: local.now() };
  const parents = [one, other];
  const commit = { tree, parents, author, committer: author, message: `${message}\n` };
  return done(`${local.objects.addCommit(commit)}\n`);
}

function revList({ local, args, unknown }: Call): GitResult {
  const range = /^(?<from>[0-9a-f]{40})\.\.(?<to>[0-9a-f]{40})$/u.exec(args.at(-1) ?? "")?.groups;
  const [tip = "", except = ""] = [range?.["to"], range?.["from"]];
  const missing = [tip, except].find((sha) => local.objects.commit(sha) === undefined);
  if (missing !== undefined) return failed(128, `fatal: bad object ${missing}`);
  const flags = args.slice(0, -1);
  if (flags.join(" ") === "--no-merges")
    return done(
      walk(graphOf(local), { tip, except, noMerges: true })
        .map((sha) => `${sha}\n`)
        .join(""),
    );
  const [count, limit, max = "Infinity", ...more] = flags;
  if (count !== "--count" || more.length > 0) throw unknown();
  if (limit !== undefined && limit !== "--max-count") throw unknown();
  return done(`${Math.min(walk(graphOf(local), { tip, except }).length, Number(max))}\n`);
}

function diffTree({ local, args, run, unknown }: Call): GitResult {
  const flags = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev"];
  const [from = "", to = "", ...more] = args.slice(flags.length);
  if (flags.some((flag, index) => args[index] !== flag) || more.length > 0) throw unknown();
  const { objects } = local;
  if (from !== "--stdin") return done(rawDiff(filesOf(objects, from), filesOf(objects, to)));
  if (to !== "--root") throw unknown();
  const shas = Buffer.from(run.input ?? [])
    .toString("utf8")
    .split("\n")
    .filter((sha) => sha !== "");
  const single = (sha: string): string => {
    const [parent] = local.shallow.has(sha) ? [] : commitOf(objects, sha).parents;
    const before: FileMap = parent === undefined ? new Map() : filesOf(objects, parent);
    return `${sha}\0${rawDiff(before, filesOf(objects, sha))}`;
  };
  return done(shas.map(single).join(""));
}

function rawDiff(before: FileMap, after: FileMap): string {
  const zeros = "0".repeat(40);
  return compareMaps(before, after)
    .map(({ path, before: old, after: fresh }) => {
      const status = old === undefined ? "A" : fresh === undefined ? "D" : "M";
      const modes = `${old?.mode ?? "000000"} ${fresh?.mode ?? "000000"}`;
      return `:${modes} ${old?.sha ?? zeros} ${fresh?.sha ?? zeros} ${status}\0${path}\0`;
    })
    .join("");
}

function catFile({ local: { objects }, args, run, unknown }: Call): GitResult {
  const [how = "", what = "", ...more] = args;
  if (more.length > 0) throw unknown();
  switch (how) {
    case "-e": {
      const sha = /^(?<sha>[0-9a-f]{40})\^\{commit\}$/u.exec(what)?.groups?.["sha"];
      if (sha === undefined) throw unknown();
      return objects.commit(sha) === undefined
        ? failed(128, `fatal: Not a valid object name ${sha}`)
        : done("");
    }
    case "blob": {
      const stdout = objects.blob(what);
      return stdout === undefined
        ? failed(128, `fatal: git cat-file ${what}: bad file`)
        : { ...done(""), stdout };
    }
    case "--batch-check=%(objectname) %(objectsize)": {
      const shas = Buffer.from(run.input ?? [])
        .toString("utf8")
        .split("\n")
        .filter((sha) => sha !== "");
      const line = (sha: string): string => `${sha} ${objects.blob(sha)?.length ?? "missing"}\n`;
      return done(shas.map(line).join(""));
    }
    default:
      throw unknown();
  }
}

function graphOf({ objects, shallow }: Local): Graph {
  return { commit: (sha) => objects.commit(sha), shallow };
}

export function unknownCommand(args: readonly string[]): Error {
  return new Error(`the simulation's git does not know: git ${args.join(" ")}`);
}

export function done(stdout: string): GitResult {
  return { code: 0, stdout: Buffer.from(stdout), stderr: "", timedOut: false };
}

export function failed(code: number, stderr: string): GitResult {
  return {
    code,
    stdout: Buffer.alloc(0),
    stderr: stderr === "" ? "" : `${stderr}\n`,
    timedOut: false,
  };
}
