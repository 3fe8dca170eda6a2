/** Reads commits, ranges and merge bases. Nothing here writes. */
import { git, gitText } from "./command.ts";

export interface GitCommit {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: GitPerson;
  readonly committer: GitPerson;
  readonly message: string;
}

export interface GitPerson {
  readonly name: string;
  readonly email: string;
  readonly date: string;
}

/** The most commits one listing gives, as on GitHub's pull request and compare pages. */
const commitsMax = 250;

const format = ["%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B"].join("%x1f");

/** Commits of `range`, oldest first, at most 250. */
export async function listCommits(
  directory: string,
  range: readonly string[],
): Promise<GitCommit[]> {
  return (await log(directory, ["--reverse", ...range])).slice(0, commitsMax);
}

/** The newest commits reachable from `sha`, newest first. */
export function listHistory(
  directory: string,
  sha: string,
  options: { readonly max: number; readonly path: string | undefined },
): Promise<GitCommit[]> {
  const paths = options.path === undefined ? [] : [options.path];
  return log(directory, ["-n", String(options.max), sha], paths);
}

export async function readCommit(directory: string, sha: string): Promise<GitCommit> {
  const [commit] = await log(directory, ["-n", "1", sha]);
  if (commit === undefined) throw new Error(`no commit ${sha} in ${directory}`);
  return commit;
}

/** Commits on `to` that `from` does not have, and the other way round. */
export async function aheadBehind(
  directory: string,
  from: string,
  to: string,
): Promise<{ readonly ahead: number; readonly behind: number }> {
  const text = await gitText(directory, ["rev-list", "--left-right", "--count", `${from}...${to}`]);
  const [behind = "0", ahead = "0"] = text.split(/\s+/u);
  return { ahead: Number(ahead), behind: Number(behind) };
}

export async function mergeBase(
  directory: string,
  one: string,
  other: string,
): Promise<string | undefined> {
  const { code, stdout } = await git(directory, ["merge-base", one, other], { codes: [0, 1] });
  return code === 0 ? stdout.trim() : undefined;
}

export async function isAncestor(
  directory: string,
  ancestor: string,
  of: string,
): Promise<boolean> {
  const args = ["merge-base", "--is-ancestor", ancestor, of];
  return (await git(directory, args, { codes: [0, 1, 128] })).code === 0;
}

async function log(
  directory: string,
  range: readonly string[],
  paths: readonly string[] = [],
): Promise<GitCommit[]> {
  const args = ["log", "-z", `--format=${format}`, ...range, "--", ...paths];
  const { stdout } = await git(directory, args);
  return stdout
    .split("\0")
    .filter((entry) => entry !== "")
    .map(parseCommit);
}

function parseCommit(entry: string): GitCommit {
  const [sha = "", tree = "", parents = "", an = "", ae = "", ad = "", cn = "", ce = "", cd = ""] =
    entry.split("\u001F");
  const message = entry.split("\u001F").slice(9).join("\u001F");
  return {
    sha,
    tree,
    parents: parents.split(" ").filter((parent) => parent !== ""),
    author: { name: an, email: ae, date: utc(ad) },
    committer: { name: cn, email: ce, date: utc(cd) },
    message: message.replace(/\n+$/u, ""),
  };
}

function utc(date: string): string {
  return new Date(date).toISOString().replace(/\.\d{3}Z$/u, "Z");
}
