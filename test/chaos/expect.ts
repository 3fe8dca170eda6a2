/** What has to be so in the end of a chaos run besides the invariants: what people asked for came, and nothing is left. */
import type { Evidence } from "../invariants/evidence.ts";
import type { ChaosGitHub } from "./github.ts";
import type { Asked } from "./people.ts";

const MINUTE_MS = 60_000;

/** Objectives that did not come to the end that people expect, and what was made twice. */
export function lostAndDoubled(
  asked: readonly Asked[],
  evidence: Evidence,
  github: ChaosGitHub,
): { readonly lost: readonly string[]; readonly doubled: readonly string[] } {
  const lost: string[] = [];
  const doubled: string[] = [];
  for (const { wish, number, state } of asked) {
    const name = `${wish.repository}#${number} (${wish.title})`;
    const issue = github.world.issue(wish.repository, number);
    const revisions = evidence.objectives.filter((one) => one.issue.id === issue.id);
    const ends = revisions.map((one) => one.state.kind);
    const succeeded = ends.filter((end) => end === "succeeded").length;
    if (issue.state !== "closed") lost.push(`${name} is open: ${ends.join(", ") || "unheard"}`);
    // A person may have changed their mind only after it was done.
    else if (state === "asked" && succeeded === 0) lost.push(`${name} ended ${ends.join(", ")}`);
    if (succeeded > 1) doubled.push(`${name} was done ${succeeded} times`);
    const most = wish.shape === "relabelled" ? 2 : 1;
    if (revisions.length > most) doubled.push(`${name} has ${revisions.length} revisions`);
    if (state === "asked" && wish.shape !== "no-pull" && wish.shape !== "stream") {
      const merged = evidence.pulls.filter(
        ({ repository, pull }) =>
          repository === wish.repository &&
          pull.mergedAtMs !== undefined &&
          (pull.issue.body ?? "").includes(`Part of #${number}.`),
      ).length;
      const wanted = wish.shape === "two" ? 2 : 1;
      if (merged < wanted) lost.push(`${name} has ${merged} of ${wanted} pull requests merged`);
      if (merged > wanted) doubled.push(`${name} has ${merged} pull requests merged`);
    }
  }
  return { lost, doubled };
}

/** Transcripts that can be compared with what the agent wrote, and their bytes. */
export function compared({ transcripts, runners }: Evidence): {
  readonly count: number;
  readonly bytes: number;
  readonly unclosed: readonly string[];
  readonly different: readonly string[];
} {
  let bytes = 0;
  const different: string[] = [];
  const unclosed: string[] = [];
  for (const { session, attempt, stored, closed } of transcripts) {
    const output = runners[0]?.output(session, attempt) ?? null;
    bytes += stored.byteLength;
    const name = `${session}/${attempt}`;
    if (!closed) unclosed.push(name);
    if (output === null ? stored.byteLength > 0 : Buffer.compare(stored, output) !== 0)
      different.push(`${name}: ${stored.byteLength} of ${output?.byteLength ?? 0} bytes`);
  }
  return { count: transcripts.length, bytes, unclosed, different };
}

/** The most content that one repository got within a minute: whether the limit was ever near. */
export function busiestMinute(evidence: Evidence): number {
  const byRepository = new Map<string, number[]>();
  for (const { repository, route, at } of evidence.writes) {
    if (!/^(?:POST|PATCH|PUT) /u.test(route)) continue;
    byRepository.set(repository, [...(byRepository.get(repository) ?? []), at]);
  }
  let most = 0;
  for (const times of byRepository.values())
    for (const [index, at] of times.entries()) {
      const from = times.findIndex((time) => time > at - MINUTE_MS);
      most = Math.max(most, index - from + 1);
    }
  return most;
}
