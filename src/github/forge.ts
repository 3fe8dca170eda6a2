/**
 * GitHub as the engine sees it: facts in, effects out, over an Octokit of our own. The only writer of
 * comments, reactions and pull requests; pushing is the push gate's.
 */
import type { ConfigFact, Facts, Need } from "../domain/facts.ts";
import type { Repository } from "../domain/repository.ts";
import {
  PortError,
  type Clock,
  type EffectAttempt,
  type EffectOutcome,
  type Forge,
} from "../engine/ports.ts";
import type { Auth } from "./auth.ts";
import type { Breaker } from "./breaker.ts";
import { readBehind } from "./behind.ts";
import { openCalls, type Calls } from "./calls.ts";
import { postComment, replyToReview } from "./comments.ts";
import { readConfig } from "./config-fact.ts";
import { removeDoubles } from "./doubles.ts";
import { openFactReader } from "./facts.ts";
import type { Found } from "./find-comments.ts";
import { memorySuspects, openHealing, type Suspect, type SuspectStore } from "./heal.ts";
import { closeIssue, react } from "./marks.ts";
import { outcomeOf } from "./outcome.ts";
import { heedful } from "./own.ts";
import type { Pacing } from "./pacing.ts";
import { FORGE_TIMINGS, type ForgeTimings, type Performing } from "./performer.ts";
import { openPermissionReader, PERMISSION_MAX_AGE_MS } from "./permission.ts";
import { editPullRequest, markReady, openPullRequest, resolveThread } from "./pulls.ts";
import type { RepositoryConfigs } from "./repository-config.ts";
import type { SecretRegistry } from "./secrets.ts";
import { updateStatus } from "./status.ts";

export interface ForgeOptions {
  readonly auth: Auth;
  readonly pacing: Pacing;
  readonly clock: Clock;
  /** Missing: GitHub is always asked. */
  readonly breaker?: Breaker;
  readonly configs: RepositoryConfigs;
  readonly secrets: SecretRegistry;
  /** 32 random bytes kept in the data directory and its backup. */
  readonly markerSecret: Uint8Array;
  /** Hosts that links in agents' texts may lead to. */
  readonly allowedHosts: readonly string[];
  /** How long a call waits for its turn in place, in ms. */
  readonly patienceMs?: number;
  readonly permissionMaxAgeMs?: number;
  /** Time that never jumps, in ms from anywhere; default: the clock's. */
  readonly elapsed?: () => number;
  readonly timings?: Partial<ForgeTimings>;
  /** False while our own queues are full: then a status waits. Default: there is room. */
  readonly hasRoom?: () => boolean;
  /** Grows with every start. */
  readonly epoch?: number;
  /** Remembers over a crash what may stand twice; default: this process does. */
  readonly suspects?: SuspectStore;
  /** A double was removed, and this copy is left. */
  readonly onHealed?: (suspect: Suspect, kept: Found) => Promise<void>;
  /** A comment of our App was made by another installation of it. */
  readonly onForeign?: (repository: Repository, url: string) => void;
  /** A double could not be looked for or removed; it is tried again. */
  readonly onHealFailed?: (error: unknown) => void;
}

export interface OpenForge extends Forge {
  /** What is still to be looked at is left to the next process. */
  close(): void;
}

const PATIENCE_MS = 5_000;
/** How long a status waits when the queues are full. */
const ROOM_MS = 10_000;

export function openForge(options: ForgeOptions): OpenForge {
  const { pacing, clock } = options;
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const { breaker } = options;
  const auth = heedful(options.auth, { breaker, pacing });
  const calls = openCalls({ auth, pacing, clock, patienceMs, breaker });
  const reader = openFactReader(auth, calls);
  const maxAgeMs = options.permissionMaxAgeMs ?? PERMISSION_MAX_AGE_MS;
  const { elapsed = () => clock.now() } = options;
  const permissions = openPermissionReader(calls, { now: elapsed }, maxAgeMs);
  const performing: Performing = {
    auth,
    calls,
    clock,
    timings: { ...FORGE_TIMINGS, ...options.timings },
    markerSecret: options.markerSecret,
    outgoing: () => ({ allowedHosts: options.allowedHosts, secrets: options.secrets.values() }),
    epoch: options.epoch ?? 0,
    suspect: (suspect) => healing.suspect(suspect),
    onForeign: (repository, url) => options.onForeign?.(repository, url),
  };
  const healing = openHealing({
    clock,
    store: options.suspects ?? memorySuspects(),
    healMs: performing.timings.healMs,
    async heal(suspect) {
      const kept = await removeDoubles(performing, suspect);
      if (kept !== null) await options.onHealed?.(suspect, kept);
    },
    onFailed: (error) => options.onHealFailed?.(error),
  });

  const readOne = async (repository: Repository, need: Need): Promise<Facts> => {
    switch (need.kind) {
      case "issue":
        return { issue: await reader.issue(repository, need.number) };
      case "permission":
        return { permission: await permissions.read(repository, need.actor) };
      case "config":
        return { config: await configOf(calls, options.configs, repository) };
      case "pull-request":
        return { pullRequest: await reader.pullRequest(repository, need.number) };
      case "review":
        return { review: await reader.review(repository, need.number, need.review) };
      case "behind":
        return { behind: await readBehind(calls, repository, need) };
    }
  };

  return {
    async read(repository, needs) {
      const facts = await Promise.all(needs.map((need) => readOne(repository, need)));
      const all: Facts = Object.assign({}, ...facts);
      return all;
    },
    ownHeadBranch: (repository, pullRequest) => reader.ownHeadBranch(repository, pullRequest),
    async perform(effect, attempt) {
      if (effect.kind === "update-status" && options.hasRoom?.() === false)
        return { kind: "later", reason: "the queues are full", afterMs: ROOM_MS };
      try {
        return await performOne(performing, effect, attempt);
      } catch (error) {
        return outcomeOf(error, clock.now());
      }
    },
    close: () => healing.close(),
  };
}

async function configOf(
  calls: Calls,
  configs: ForgeOptions["configs"],
  repository: Repository,
): Promise<ConfigFact> {
  const found = await readConfig(calls, configs, repository);
  if (found === null)
    throw new PortError("gone", `repository ${repository.owner}/${repository.name} is gone`);
  return found;
}

function performOne(
  performing: Performing,
  effect: Parameters<Forge["perform"]>[0],
  attempt: EffectAttempt,
): Promise<EffectOutcome> {
  switch (effect.kind) {
    case "react":
      return react(performing, effect, attempt);
    case "post-comment":
      return postComment(performing, effect, attempt);
    case "update-status":
      return updateStatus(performing, effect, attempt);
    case "open-pull-request":
      return openPullRequest(performing, effect, attempt);
    case "edit-pull-request":
      return editPullRequest(performing, effect, attempt);
    case "mark-ready":
      return markReady(performing, effect, attempt);
    case "reply-to-review":
      return replyToReview(performing, effect, attempt);
    case "resolve-thread":
      return resolveThread(performing, effect, attempt);
    case "close-issue":
      return closeIssue(performing, effect, attempt);
  }
}
