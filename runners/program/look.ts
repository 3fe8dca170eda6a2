/**
 * What a person finds in a checkout and has done there: where it is, whether an agent is at work, commits made since its process
 * ended, files that are not committed. Reads only, and runs nothing that the repository names (export.ts, snapshot.ts).
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { LookReply } from "../../src/protocol/requests.ts";
import { RequestError } from "./errors.ts";
import { type Exporting, exportHead, isolatedGit } from "./export.ts";
import type { Layout } from "./layout.ts";
import type { ShadowOptions } from "./shadow.ts";
import { uncommitted } from "./snapshot.ts";

export interface Place extends Exporting, Omit<ShadowOptions, "timeoutMs"> {
  /** An attempt of the session has a process. */
  readonly running: boolean;
}

const COMMITS_MAX = 50;
const FILES_MAX = 200;
const SUBJECT_MAX = 200;
const NAME_MAX = 1000;
const HEADERS_BYTES_MAX = 4 * 1024 * 1024;

export async function look(
  place: Place,
  layout: Layout,
  { session, attempt, base }: { readonly session: string; readonly attempt: number; readonly base: string }, // prettier-ignore
): Promise<LookReply> {
  const head = await exportHead(place);
  if (head === null) throw new RequestError("gone", `there is no git repository at ${place.path}`);
  const commits = await commitsSince(place, head, base, endOf(layout.attempt(session, attempt)));
  const files = await uncommitted(place);
  return {
    path: place.path,
    running: place.running,
    head,
    commits: commits.slice(0, COMMITS_MAX),
    moreCommits: commits.length > COMMITS_MAX,
    files: files.slice(0, FILES_MAX).map((name) => name.slice(0, NAME_MAX)),
    moreFiles: files.length > FILES_MAX,
  };
}

/** When its process ended, in whole seconds by this machine's clock, which dates the commits as well; 0 = nobody knows. */
function endOf(directory: string): number {
  for (const name of ["exit", "journal.ndjson"]) {
    const found = statSync(join(directory, name), { throwIfNoEntry: false });
    if (found !== undefined) return Math.floor(found.mtimeMs / 1000);
  }
  return 0;
}

/** Commit objects as they are: no format that could name a program. */
async function commitsSince(
  place: Place,
  head: string,
  base: string,
  seconds: number,
): Promise<LookReply["commits"]> {
  const limits = [`--max-count=${COMMITS_MAX + 1}`, `--since=${seconds}`];
  const args = ["rev-list", "--header", ...limits, head, `^${base}`, "--"];
  const listed = await isolatedGit(place, args, HEADERS_BYTES_MAX);
  if (listed.kind !== "exited" || listed.code !== 0)
    throw new RequestError("failed", `cannot list what was committed since ${base}`);
  return listed.stdout
    .toString("utf8")
    .split("\0")
    .flatMap((text) => {
      const sha = /^[0-9a-f]{40,64}(?=\n)/u.exec(text)?.[0];
      const body = text.slice(text.indexOf("\n\n") + 2);
      const subject = body.trim().split("\n", 1)[0] ?? "";
      return sha === undefined ? [] : [{ sha, subject: subject.slice(0, SUBJECT_MAX) }];
    });
}
