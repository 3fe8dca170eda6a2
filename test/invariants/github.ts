/** Invariants 11 to 20: what we write on GitHub. */
import type { Comment, Issue } from "../../src/emulator/model.ts";
import { first, type Evidence, type Invariant } from "./evidence.ts";
import { hasAnyMarker, hasEarlierMarker, markerIn, nameOfKey } from "./marker.ts";

const MINUTE_MS = 60_000;
/** Lag, detection and healing of a double may take so long while we can work: GitHub may tell us to wait, and then longer. */
const HEAL_MS = 15 * MINUTE_MS;

const ours = ({ viaApp }: Comment, { appId }: Evidence): boolean => viaApp?.id === appId;

interface Posted {
  readonly where: string;
  readonly name: string;
  readonly valid: boolean;
  readonly createdAtMs: number;
}

/** Comments of ours per issue. Several invariants look at the same issues, and only a new list brings anything new. */
const known = new WeakMap<Evidence["issues"], Map<Issue, readonly Posted[]>>();

function posted(evidence: Evidence, issue: Issue, repository: string): readonly Posted[] {
  const { issues } = evidence;
  const ofIssue = known.get(issues) ?? new Map<Issue, readonly Posted[]>();
  known.set(issues, ofIssue);
  const found = ofIssue.get(issue) ?? readPosted(evidence, issue, repository);
  ofIssue.set(issue, found);
  return found;
}

function readPosted(evidence: Evidence, issue: Issue, repository: string): readonly Posted[] {
  return evidence.comments(issue).flatMap((comment) => {
    if (!ours(comment, evidence)) return [];
    const marker = markerIn(comment.body, evidence.secret);
    const where = `${repository}#${issue.number}, comment ${comment.id}`;
    const { createdAtMs } = comment;
    return [{ where, name: marker?.name ?? "", valid: marker?.valid === true, createdAtMs }];
  });
}

const replies = (evidence: Evidence): readonly Posted[] =>
  evidence.pulls.flatMap(({ repository, pull }) =>
    pull.threads.flatMap((thread) =>
      thread.comments.flatMap((comment) => {
        const marker = markerIn(comment.body, evidence.secret);
        if (marker === null) return [];
        const where = `${repository}#${pull.issue.number}, reply ${comment.id}`;
        return [{ where, ...marker, createdAtMs: comment.createdAtMs }];
      }),
    ),
  );

function doubled(list: readonly Posted[], old: (one: Posted) => boolean): string | null {
  const seen = new Map<string, string>();
  return first(list, (one) => {
    const before = seen.get(one.name);
    seen.set(one.name, one.where);
    return before !== undefined && one.name !== "" && old(one)
      ? `${one.where} says again what ${before} says`
      : null;
  });
}

export const saidOnce: Invariant = {
  number: 11,
  name: "nothing is said twice for longer than healing takes",
  when: "always",
  check(evidence) {
    const old = ({ createdAtMs }: Posted): boolean =>
      !evidence.listsLag || Math.min(evidence.now - createdAtMs, evidence.upMs) > HEAL_MS;
    return (
      first(evidence.issues, ({ issue, repository }) =>
        doubled(posted(evidence, issue, repository), old),
      ) ?? doubled(replies(evidence), old)
    );
  },
};

export const saidExactlyOnce: Invariant = {
  number: 11,
  name: "in the end everything was said once",
  when: "settled",
  check(evidence) {
    const twice =
      first(evidence.issues, ({ issue, repository }) =>
        doubled(posted(evidence, issue, repository), () => true),
      ) ?? doubled(replies(evidence), () => true);
    if (twice !== null) return twice;
    return first(evidence.effects, ({ effect, state, key }) => {
      if (effect.kind !== "post-comment" || state !== "done") return null;
      const name = nameOfKey(key);
      const place = evidence.issues.find(
        ({ issue, repository }) =>
          issue.number === effect.number &&
          repository === `${effect.repository.owner}/${effect.repository.name}`,
      );
      if (place === undefined || evidence.deleted.has(name)) return null;
      const found = posted(evidence, place.issue, place.repository).some(
        (one) => one.name === name,
      );
      return found ? null : `what ${key} says is not on ${place.repository}#${place.issue.number}`;
    });
  },
};

export const inOrder: Invariant = {
  number: 12,
  name: "questions and results stand in the order in which they were decided",
  when: "settled",
  check(evidence) {
    if (evidence.restored > 0) return null;
    const seqs = new Map(
      evidence.effects
        .filter(({ effect, state }) => effect.kind === "post-comment" && state === "done")
        .map(({ key, seq }) => [nameOfKey(key), seq]),
    );
    return first(evidence.issues, ({ issue, repository }) => {
      const order = posted(evidence, issue, repository).flatMap(({ name }) => seqs.get(name) ?? []);
      const back = order.findIndex((seq, n) => seq < (order[n - 1] ?? 0));
      return back === -1 ? null : `${repository}#${issue.number}: ${order.join(", ")}`;
    });
  },
};

export const oneStatus: Invariant = {
  number: 13,
  name: "an issue has one status comment",
  when: "settled",
  check: (evidence) =>
    first(evidence.objectives, ({ repository, issue }) => {
      const place = evidence.issues.find((one) => one.issue.id === issue.id);
      if (place === undefined) return null;
      const name = nameOfKey(`status:${repository.id}#${issue.number}`);
      if (evidence.deleted.has(name)) return null;
      const found = posted(evidence, place.issue, place.repository).filter(
        (one) => one.name === name,
      );
      const written = evidence.effects.some(
        ({ effect, state }) =>
          effect.kind === "update-status" &&
          effect.number === issue.number &&
          effect.repository.id === repository.id &&
          state === "done",
      );
      const most = written ? [1] : [0, 1];
      return most.includes(found.length)
        ? null
        : `${place.repository}#${issue.number} has ${found.length} status comments`;
    }),
};

export const onlyWhereAllowed: Invariant = {
  number: 14,
  name: "no write outside the repositories of objectives",
  when: "always",
  check({ writes, objectives }, memory) {
    // Also those a restored backup has forgotten.
    for (const { repository } of objectives)
      memory.set(`${repository.owner}/${repository.name}`.toLowerCase(), "");
    return first(writes, ({ repository, route, status }) =>
      status >= 400 || memory.has(repository.toLowerCase()) ? null : `${route} in ${repository}`,
    );
  },
};

export const everyWriteHasItsReason: Invariant = {
  number: 15,
  name: "everything we said was decided and recorded before",
  when: "always",
  check(evidence, decided) {
    // What a restored backup has forgotten stands on GitHub with reason.
    if (evidence.restored > 0) return null;
    const before = Number(decided.get("seq") ?? -1);
    for (const { key, seq } of evidence.effects)
      if (seq > before) decided.set(nameOfKey(key), "").set("seq", String(seq));
    for (const { repository, issue } of evidence.objectives)
      decided.set(nameOfKey(`status:${repository.id}#${issue.number}`), "");
    return first(evidence.issues, ({ issue, repository }) =>
      first(posted(evidence, issue, repository), ({ where, name }) =>
        decided.has(name) ? null : `${where} was never decided`,
      ),
    );
  },
};

export const markersAreOurs: Invariant = {
  number: 16,
  name: "our marker stands only in what we wrote, and fits",
  when: "always",
  check: (evidence) =>
    first(
      evidence.issues,
      ({ issue, repository }) =>
        first(posted(evidence, issue, repository), ({ where, valid }) =>
          valid ? null : `${where} has no marker of ours`,
        ) ??
        first(evidence.comments(issue), (comment) =>
          ours(comment, evidence) || !hasAnyMarker(comment.body)
            ? null
            : `${repository}#${issue.number}, comment ${comment.id} by ${comment.author.login} has a marker`,
        ),
    ),
};

export const noForgedMarker: Invariant = {
  number: 16,
  name: "no text of an agent brings a marker along",
  when: "always",
  check: (evidence) =>
    first(evidence.issues, ({ issue, repository }) =>
      first(evidence.comments(issue), (comment) => {
        return ours(comment, evidence) && hasEarlierMarker(comment.body)
          ? `${repository}#${issue.number}, comment ${comment.id} holds a second marker`
          : null;
      }),
    ),
};

/** From the last look at a pull request to the end of the push. */
const RACE_MS = 15_000;

export const neverToTheMerged: Invariant = {
  number: 17,
  name: "nothing is pushed to a merged or closed pull request, or outside orcha/",
  when: "always",
  check: ({ pushes, pulls }) =>
    first(pushes, ({ at, repository, ref, pull: state, forced }) => {
      if (!ref.startsWith("refs/heads/orcha/")) return `${repository}: ${ref} was pushed`;
      const ended = pulls
        .filter((one) => one.repository === repository && ref.endsWith(`/${one.pull.headRef}`))
        .map(({ pull: { mergedAtMs, issue } }) => mergedAtMs ?? issue.closedAtMs ?? at)
        .at(-1);
      // GitHub has no "push unless merged": its state is read right before, and a person may be faster.
      const raced = ended !== undefined && at - ended < RACE_MS;
      if ((state === "merged" || state === "closed") && !raced)
        return `${repository}: ${ref} was pushed when its pull request was ${state}`;
      return forced ? `${repository}: ${ref} was overwritten` : null;
    }),
};

export const onTopOfUpstream: Invariant = {
  number: 18,
  name: "what is pushed descends from upstream",
  when: "always",
  check: ({ pushes }) =>
    first(pushes, ({ repository, ref, sha, rooted }) =>
      rooted ? null : `${repository}: ${sha} on ${ref} does not`,
    ),
};

export const onePullRequestEach: Invariant = {
  number: 19,
  name: "every published session has exactly one pull request",
  when: "settled",
  check(evidence) {
    const { objectives, pulls, appId } = evidence;
    const heads = new Map<string, number>();
    for (const { repository, pull } of pulls)
      if (pull.issue.viaApp?.id === appId || pull.issue.author.login.endsWith("[bot]"))
        heads.set(
          `${repository}:${pull.headRef}`,
          (heads.get(`${repository}:${pull.headRef}`) ?? 0) + 1,
        );
    return (
      first([...heads], ([head, count]) =>
        count > 1 ? `${head} has ${count} pull requests` : null,
      ) ??
      first(objectives, ({ repository, pullRequests }) =>
        first(pullRequests, ({ branch, number }) => {
          const name = `${repository.owner}/${repository.name}`;
          if (number === null || !evidence.installed(name)) return null;
          return heads.has(`${name}:${branch}`) ? null : `#${number} of ${branch} is not there`;
        }),
      )
    );
  },
};

export const oneReplyPerThread: Invariant = {
  number: 20,
  name: "a review reaches one session, once",
  when: "always",
  check({ runners, objectives }) {
    const seen = new Map<string, { readonly id: string; readonly on: Set<string> }>();
    return first(objectives, ({ sessions }) =>
      first(sessions, ({ id }) =>
        first(runners, ({ name, taken }) =>
          first(taken(id), (text) => {
            const review = /"review":(?<id>\d+)/u.exec(text)?.groups?.["id"];
            if (review === undefined || !text.includes("reviewed your pull request")) return null;
            const before = seen.get(review);
            // Whoever goes on elsewhere, after its machine was lost, begins anew and is told again.
            const again = before !== undefined && (before.id !== id || before.on.has(name));
            const on = (before?.on ?? new Set()).add(name);
            seen.set(review, { id, on });
            return again ? `review ${review} reached ${before.id} and ${id}` : null;
          }),
        ),
      ),
    );
  },
};
