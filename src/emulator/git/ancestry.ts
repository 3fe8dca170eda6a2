/** Walks over commits in memory: who descends from whom, in which order git lists them, where two lines part. */
import type { CommitRange } from "./port.ts";
import type { NewCommit, Objects } from "./objects.ts";

/** What walks need; in a shallow repository some commits have no parents to go to. */
export interface Graph {
  commit(sha: string): NewCommit | undefined;
  readonly shallow?: ReadonlySet<string>;
}

/** Everything reachable from the tips, themselves included; commits that are not there are left out. */
export function reachable(graph: Graph, tips: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const open = [...tips];
  for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
    if (seen.has(sha) || graph.commit(sha) === undefined) continue;
    seen.add(sha);
    open.push(...parentsOf(graph, sha));
  }
  return seen;
}

/** Commits of a range, newest first, in git's default order: by the committer's date, parents after children met. */
export function walk(graph: Graph, range: Omit<CommitRange, "max">): string[] {
  const { tip, except, noMerges = false } = range;
  const seen = except === undefined ? new Set<string>() : reachable(graph, [except]);
  const queue: string[] = [];
  const add = (sha: string): void => {
    if (seen.has(sha) || graph.commit(sha) === undefined) return;
    seen.add(sha);
    const at = queue.findIndex((other) => dateOf(graph, other) < dateOf(graph, sha));
    queue.splice(at === -1 ? queue.length : at, 0, sha);
  };
  const found: string[] = [];
  add(tip);
  for (let sha = queue.shift(); sha !== undefined; sha = queue.shift()) {
    const parents = parentsOf(graph, sha);
    if (!noMerges || parents.length < 2) found.push(sha);
    for (const parent of parents) add(parent);
  }
  return found;
}

export function isAncestorIn(graph: Graph, ancestor: string, of: string): boolean {
  return ancestor === of || reachable(graph, [of]).has(ancestor);
}

/** The newest common ancestor that is no ancestor of another common one. */
export function mergeBaseIn(graph: Graph, one: string, other: string): string | undefined {
  const ofOne = reachable(graph, [one]);
  const common = [...reachable(graph, [other])].filter((sha) => ofOne.has(sha));
  const beaten = new Set(common.flatMap((sha) => parentsOf(graph, sha)));
  const best = common.filter((sha) => !beaten.has(sha));
  return best.toSorted((a, b) => dateOf(graph, b) - dateOf(graph, a) || (a < b ? -1 : 1))[0];
}

export function countApart(
  graph: Graph,
  from: string,
  to: string,
): { readonly ahead: number; readonly behind: number } {
  const [left, right] = [reachable(graph, [from]), reachable(graph, [to])];
  return { ahead: only(right, left), behind: only(left, right) };
}

function only(these: ReadonlySet<string>, those: ReadonlySet<string>): number {
  return [...these].filter((sha) => !those.has(sha)).length;
}

/** Copies a commit and everything behind it; stops at what is there already. False when the tip is nowhere. */
export function takeHistory(to: Objects, from: Objects, tip: string): boolean {
  const open = [tip];
  for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
    if (to.commit(sha) !== undefined) continue;
    if (!to.take(from, sha)) {
      if (sha === tip) return false;
      continue;
    }
    open.push(...(to.commit(sha)?.parents ?? []));
  }
  return true;
}

function parentsOf(graph: Graph, sha: string): readonly string[] {
  if (graph.shallow?.has(sha) === true) return [];
  return graph.commit(sha)?.parents ?? [];
}

function dateOf(graph: Graph, sha: string): number {
  return Math.floor((graph.commit(sha)?.committer.atMs ?? 0) / 1000);
}
