/**
 * The only thing that pushes (security.md D1, D2). Takes a session's commits as a bundle from its runner,
 * inspects them in a throw-away repository, and pushes with a token for that one repository. What a human
 * put on the branch meanwhile is kept. Without knowing the pull request's state now, nothing is pushed.
 */
import { join } from "node:path";
import type { ResultEvent } from "../domain/event.ts";
import type { Repository } from "../domain/repository.ts";
import type { SessionPlace } from "../domain/session.ts";
import type { Clock, EffectAttempt, EffectOutcome, PushGate } from "../engine/ports.ts";
import type { PullState } from "./at-head.ts";
import type { Auth, OneTimeToken } from "./auth.ts";
import { cloneUrl } from "./credentials.ts";
import { outcomeOf } from "./outcome.ts";
import type { EffectOf } from "./performer.ts";
import { plan, type Identity } from "./push/branch.ts";
import { GitMissing } from "./push/git.ts";
import { inspect, type Export } from "./push/inspect.ts";
import { POLICY_LIMITS, type PolicyLimits } from "./push/policy.ts";
import { GitFailed, openQuarantine, type Quarantine } from "./push/quarantine.ts";

type PushEffect = EffectOf<"push-branch">;
type RefusalCode = Extract<ResultEvent, { kind: "push-refused" }>["code"];

/** Commits of a session from its runner. `unreachable` passes by itself. */
export type ExportBundle = (effect: PushEffect) => Promise<
  | ({ readonly ok: true } & Export)
  | {
      readonly ok: false;
      readonly code: "nothing-committed" | "policy" | "failed" | "unreachable";
      readonly reason: string;
    }
>;

export interface PushGateOptions {
  readonly auth: Auth;
  readonly clock: Clock;
  readonly exportBundle: ExportBundle;
  /** A pull request read now, past any cache; null = gone. Throws PortError. */
  readonly pullRequest: (repository: Repository, number: number) => Promise<PullState | null>;
  /** The newest pull request of ours from a branch, read now; null = there is none. Throws PortError. */
  readonly pullRequestAt: (repository: Repository, branch: string) => Promise<PullState | null>;
  /** Where a session is by our own record; default: where the effect says. */
  readonly placeOf?: (session: string) => Promise<SessionPlace | null>;
  /** `https://github.com`: where clones and pushes go. */
  readonly gitUrl: string;
  /** Quarantines are made in `<dataDirectory>/quarantine`. */
  readonly dataDirectory: string;
  /** One git command may take so long. */
  readonly gitTimeoutMs?: number;
  readonly limits?: Partial<PolicyLimits>;
  /** Where foreign objects are brought into; default: a directory of its own and git. */
  readonly quarantine?: typeof openQuarantine;
}

const GIT_TIMEOUT_MS = 120_000;
/** Two people pushing at the same moment: look again soon. */
const MOVED_RETRY_MS = 2_000;

export function openPushGate(options: PushGateOptions): PushGate {
  return {
    async push(effect, attempt) {
      try {
        return await push(options, effect, attempt);
      } catch (error) {
        if (error instanceof GitMissing)
          return { kind: "later", reason: error.message, afterMs: null };
        if (error instanceof GitFailed && /not our ref|unadvertised/iu.test(error.result.stderr))
          return refused(effect, "failed", "the commit the work started from is gone on GitHub");
        if (error instanceof GitFailed)
          return { kind: "later", reason: error.message, afterMs: null };
        return outcomeOf(error, options.clock.now());
      }
    },
  };
}

async function push(
  options: PushGateOptions,
  effect: PushEffect,
  attempt: EffectAttempt,
): Promise<EffectOutcome> {
  if (!isOwnBranch(effect.branch))
    return refused(effect, "policy", `${JSON.stringify(effect.branch)} is not a branch of ours`);
  const fenced = await fencedAt(options, effect);
  if (fenced !== null) return fenced;
  const over = effect.pullRequest === null ? null : await pullRequestOver(options, effect);
  // Gone altogether: nothing says any more what an earlier try pushed.
  if (over !== null && over.head === null) return refusedOver(effect, over);
  const exported = await options.exportBundle(effect);
  if (!exported.ok) {
    const later = exported.code === "unreachable" && (over === null || attempt.number > 1);
    if (later) return { kind: "later", reason: exported.reason, afterMs: null };
    if (over !== null) return refusedOver(effect, over);
    return refused(
      effect,
      exported.code === "unreachable" ? "failed" : exported.code,
      exported.reason,
    );
  }
  if (!isSha(exported.head) || !isSha(exported.base))
    return refused(effect, "policy", "the runner named something that is no commit");

  await using quarantine = await (options.quarantine ?? openQuarantine)({
    directory: join(options.dataDirectory, "quarantine"),
    timeoutMs: options.gitTimeoutMs ?? GIT_TIMEOUT_MS,
  });
  const remote = await openRemote(options, effect.repository, quarantine);
  try {
    return await inspectAndPush(options, { effect, attempt, over, exported, quarantine, remote });
  } finally {
    await remote.close();
  }
}

interface Pushing {
  readonly effect: PushEffect;
  readonly attempt: EffectAttempt;
  /** Its pull request is merged or closed: nothing is pushed, but an earlier try may have arrived before. */
  readonly over: Over | null;
  readonly exported: Export;
  readonly quarantine: Quarantine;
  readonly remote: Remote;
}

async function inspectAndPush(options: PushGateOptions, pushing: Pushing): Promise<EffectOutcome> {
  const { effect, attempt, over, exported, quarantine, remote } = pushing;
  const { base, head } = exported;
  const again = attempt.number > 1;
  // A merged branch is often deleted; GitHub keeps the commits of its pull request.
  const actual = over?.head ?? (await remote.head(effect.branch));
  const branch = actual === null ? null : `refs/heads/${effect.branch}`;
  await remote.fetch(base, over?.head ?? branch);
  const limits = { ...POLICY_LIMITS, ...options.limits };
  let inspection = await inspect(quarantine, exported, limits);
  if (!inspection.ok && inspection.code === "policy") {
    // A pack may leave out what an older commit holds: with the whole history the verdict is final.
    await remote.deepen();
    inspection = await inspect(quarantine, exported, limits);
  }
  if (!inspection.ok && over !== null) return refusedOver(effect, over);
  if (!inspection.ok) return refused(effect, inspection.code, inspection.reason);
  const state = { base, head, expected: effect.expected, actual, again };
  const next = await plan(quarantine, state, await identityOf(options.auth, effect.repository));
  if (over !== null && next.kind !== "there") return refusedOver(effect, over);
  switch (next.kind) {
    case "conflict":
      return refused(effect, "moved", next.reason);
    case "there":
      return pushed(pushing, next.sha);
    case "push":
      return pushTo(options, pushing, next);
  }
}

async function pushTo(
  options: PushGateOptions,
  pushing: Pushing,
  next: { readonly sha: string; readonly from: string | null },
): Promise<EffectOutcome> {
  const { effect, remote } = pushing;
  // Exporting and checking take time: the last look at the pull request is right before the push.
  const over = await pullRequestOver(options, effect);
  if (over !== null && over.head !== next.sha) return refusedOver(effect, over);
  if (over !== null) return pushed(pushing, next.sha);
  const fenced = await fencedAt(options, effect);
  if (fenced !== null) return fenced;
  const result = await remote.push(next.sha, effect.branch, next.from);
  if (result.code !== 0) {
    const now = await remote.head(effect.branch).catch(() => undefined); // unreadable: unknown, below
    if (now !== next.sha) return failedPush(effect, result.stderr, now, next.from);
  }
  return pushed(pushing, next.sha);
}

/**
 * The session goes on elsewhere since: what this attempt made is not pushed any more, and nobody waits for it. A machine
 * is lost only long after its last answer, so none is fenced between this look and the push that follows.
 */
async function fencedAt(
  { placeOf }: PushGateOptions,
  { session, runner, attempt }: PushEffect,
): Promise<EffectOutcome | null> {
  const place = (await placeOf?.(session)) ?? null;
  if (place === null || place.runner === null || place.runner === runner) return null;
  const reason = `attempt ${attempt} of ${session} on ${runner} is fenced: it goes on on ${place.runner}`;
  return { kind: "refused", reason, events: [] };
}

/** What a push that did not end well, and did not arrive either, means. */
function failedPush(
  effect: PushEffect,
  stderr: string,
  now: string | null | undefined,
  from: string | null,
): EffectOutcome {
  const why = /(?:remote: |! \[)(?<why>[^\n]{1,300})/u.exec(stderr)?.groups?.["why"] ?? stderr;
  const reason = `git push failed: ${why.trim().slice(0, 300)}`;
  if (now === undefined) return { kind: "unknown", reason };
  if (/workflows?` permission|refusing to allow a GitHub App/iu.test(stderr))
    return refused(effect, "policy", "GitHub refuses changes to workflows by this App");
  if (/GH0\d\d|protected branch|pre-receive hook declined|push declined/iu.test(stderr))
    return refused(effect, "policy", reason);
  if (now !== from || /stale info|fetch first|non-fast-forward|cannot lock ref/iu.test(stderr))
    return { kind: "later", reason: "the branch moved during the push", afterMs: MOVED_RETRY_MS };
  if (/\b403\b|permission to \S+ denied|not accessible/iu.test(stderr))
    return refused(effect, "failed", "the App may not push to this repository");
  return { kind: "later", reason, afterMs: null };
}

/** A pull request to which nothing is pushed any more. `head` = its last commit, null = GitHub knows no such number. */
interface Over {
  readonly number: number;
  readonly state: "merged" | "closed" | "gone";
  readonly head: string | null;
}

/**
 * The effect may be older than its pull request: the answer that said its number was lost, and a person has merged it
 * since. So without a number it is looked for by its branch.
 */
async function pullRequestOver(
  { pullRequest, pullRequestAt }: PushGateOptions,
  { repository, branch, pullRequest: number }: PushEffect,
): Promise<Over | null> {
  if (number === null) return overOf(await pullRequestAt(repository, branch));
  const found = await pullRequest(repository, number);
  return found === null ? { number, state: "gone", head: null } : overOf(found);
}

const overOf = (pull: PullState | null): Over | null =>
  pull === null || pull.state === "open" || pull.state === "draft"
    ? null
    : { number: pull.number, state: pull.state, head: pull.headSha };

const refusedOver = (effect: PushEffect, { number, state }: Over): EffectOutcome =>
  refused(effect, "pull-request-gone", `pull request #${number} is ${state}`);

/** With how many commits are on the branch that were not there when we last knew it. */
async function pushed(
  { effect: { session, expected }, exported, quarantine }: Pushing,
  sha: string,
): Promise<EffectOutcome> {
  const from = expected ?? exported.base;
  const known = await quarantine.git(["cat-file", "-e", `${from}^{commit}`]);
  const range = `${known.code === 0 ? from : exported.base}..${sha}`;
  const commits = Number(await quarantine.output(["rev-list", "--count", range]));
  return {
    kind: "done",
    artifact: sha,
    events: [{ kind: "branch-pushed", session, sha, commits }],
  };
}

interface Remote {
  /** Where a branch is now, null = nowhere. */
  head(branch: string): Promise<string | null>;
  /** Brings the base without its history, and what is on GitHub (a ref or a commit), into the quarantine. */
  fetch(base: string, actual: string | null): Promise<void>;
  /** Brings the rest of the history. */
  deepen(): Promise<void>;
  push(
    sha: string,
    branch: string,
    from: string | null,
  ): Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** Makes the tokens worthless. */
  close(): Promise<void>;
}

async function openRemote(
  options: PushGateOptions,
  repository: Repository,
  quarantine: Quarantine,
): Promise<Remote> {
  const url = cloneUrl(options.gitUrl, repository);
  const { origin } = new URL(options.gitUrl);
  const reading = await options.auth.mintOnce(repository, "clone");
  let writing: OneTimeToken | null = null;
  let fetched = "";
  const read = { credential: { origin, token: reading.token } };
  return {
    async head(branch) {
      const ref = `refs/heads/${branch}`;
      const listed = await quarantine.output(["ls-remote", "--", url, ref], read);
      const line = listed.split("\n").find((entry) => entry.endsWith(`\t${ref}`));
      return line?.slice(0, 40) ?? null;
    },
    async fetch(base, actual) {
      fetched = base;
      const shallow = [...FETCH, "--depth=1", "--end-of-options", url];
      await quarantine.output([...shallow, `${base}:refs/orcha/base`], read);
      // Without a depth: everything between the base and what people put on the branch.
      const refs = [`+${actual}:refs/orcha/branch`];
      if (actual !== null)
        await quarantine.output([...FETCH, "--end-of-options", url, ...refs], read);
    },
    async deepen() {
      const whole = [...FETCH, "--unshallow", "--end-of-options", url];
      await quarantine.output([...whole, `${fetched}:refs/orcha/whole`], read);
    },
    async push(sha, branch, from) {
      writing ??= await options.auth.mintOnce(repository, "push");
      const ref = `refs/heads/${branch}`;
      const lease = `--force-with-lease=${ref}:${from ?? ""}`;
      const flags = ["push", "--quiet", "--atomic", "--no-verify", lease, "--end-of-options"];
      return quarantine.git([...flags, url, `${sha}:${ref}`], {
        credential: { origin, token: writing.token },
      });
    },
    async close() {
      await Promise.all([reading.revoke(), writing?.revoke()]);
    },
  };
}

const FETCH = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];

/** Commits we make ourselves (merges) are by the App's bot. */
async function identityOf(auth: Auth, repository: Repository): Promise<Identity> {
  const { botId, botLogin } = await auth.own(repository);
  return { name: botLogin, email: `${botId}+${botLogin}@users.noreply.github.com` };
}

const isSha = (text: string): boolean => /^[0-9a-f]{40}$/u.test(text);

/** Narrower than git's own rule: what `check-ref-format` accepts can still be a command somewhere. */
const isOwnBranch = (branch: string): boolean =>
  /^orcha\/[a-z0-9][a-z0-9._-]{0,200}$/u.test(branch) &&
  !branch.includes("..") &&
  !/\.(?:lock)?$/u.test(branch);

const refused = ({ session }: PushEffect, code: RefusalCode, reason: string): EffectOutcome => ({
  kind: "refused",
  reason,
  events: [{ kind: "push-refused", session, code, reason }],
});
