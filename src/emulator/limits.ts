/**
 * GitHub's rate limits on the emulator's clock: the primary one per hour and the secondary ones on points, content and
 * concurrency. Figures: docs.github.com, "Rate limits for the REST API".
 */
import type { Actor } from "./model.ts";
import { Problem } from "./problem.ts";

export interface EmulatorLimits {
  /** Requests of an App, installation or person per hour. */
  readonly primaryPerHour: number;
  readonly anonymousPerHour: number;
  /** REST points per minute: a GET is 1, anything else 5. */
  readonly pointsPerMinute: number;
  readonly graphqlPointsPerMinute: number;
  /** Requests that create or change content (POST, PATCH, PUT in a repository), the pages' forms included. */
  readonly contentPerMinute: number;
  readonly contentPerHour: number;
  readonly concurrent: number;
  /** GitHub says it may be either. */
  readonly secondaryStatus: 403 | 429;
  readonly retryAfterSeconds: number;
}

export const githubLimits: EmulatorLimits = {
  primaryPerHour: 5000,
  anonymousPerHour: 60,
  pointsPerMinute: 900,
  graphqlPointsPerMinute: 2000,
  contentPerMinute: 80,
  contentPerHour: 500,
  concurrent: 100,
  secondaryStatus: 403,
  retryAfterSeconds: 60,
};

export interface Meter {
  /** Counts a request; throws 403/429 when a limit is exceeded. Returns what ends it. */
  enter(actor: Actor, request: MeteredRequest): Ticket;
  /** Where the actor stands in the current hour. */
  standing(actor: Actor): Standing;
}

export interface MeteredRequest {
  readonly method: string;
  readonly kind: "rest" | "graphql" | "page";
  /** Creates or changes what people read. */
  readonly content: boolean;
  /** False for what GitHub does not count, such as `GET /rate_limit`. */
  readonly counted: boolean;
}

export interface Ticket {
  /** Gives the request's primary quota back: the answer was 304. */
  refund(): void;
  end(): void;
}

export interface Standing {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** Seconds since 1970. */
  readonly reset: number;
}

interface Account {
  hourEndsMs: number;
  used: number;
  concurrent: number;
  points: Spent[];
  graphqlPoints: Spent[];
  content: Spent[];
}

interface Spent {
  readonly atMs: number;
  readonly amount: number;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

export function createMeter(limits: EmulatorLimits, nowMs: () => number): Meter {
  const accounts = new Map<string, Account>();
  const accountFor = (actor: Actor): Account => {
    const key = keyOf(actor);
    const account = accounts.get(key) ?? newAccount(nowMs());
    accounts.set(key, account);
    if (nowMs() >= account.hourEndsMs) {
      account.hourEndsMs = nowMs() + hourMs;
      account.used = 0;
    }
    return account;
  };
  const standing = (actor: Actor): Standing => {
    const { used, hourEndsMs } = accountFor(actor);
    const limit = actor.kind === "anonymous" ? limits.anonymousPerHour : limits.primaryPerHour;
    const remaining = Math.max(0, limit - used);
    return { limit, used: Math.min(used, limit), remaining, reset: Math.ceil(hourEndsMs / 1000) };
  };
  return {
    standing,
    enter(actor, request) {
      const account = accountFor(actor);
      if (!request.counted) return { refund() {}, end() {} };
      if (request.kind !== "page" && standing(actor).remaining === 0) {
        throw new Problem(403, `API rate limit exceeded for ${keyOf(actor)}.`);
      }
      account.used += 1;
      secondary(limits, account, request, nowMs());
      account.concurrent += 1;
      return {
        refund: () => {
          account.used -= 1;
        },
        end: () => {
          account.concurrent -= 1;
        },
      };
    },
  };
}

function secondary(
  limits: EmulatorLimits,
  account: Account,
  request: MeteredRequest,
  nowMs: number,
): void {
  const refuse = (): Problem =>
    new Problem(
      limits.secondaryStatus,
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      { headers: { "retry-after": String(limits.retryAfterSeconds) } },
    );
  if (account.concurrent >= limits.concurrent) throw refuse();
  const reads = request.method === "GET" || request.method === "HEAD";
  if (request.kind === "graphql") {
    spend(account.graphqlPoints, 1, nowMs, minuteMs);
    if (sum(account.graphqlPoints, nowMs, minuteMs) > limits.graphqlPointsPerMinute) throw refuse();
    return;
  }
  spend(account.points, reads ? 1 : 5, nowMs, minuteMs);
  if (sum(account.points, nowMs, minuteMs) > limits.pointsPerMinute) throw refuse();
  if (!request.content) return;
  spend(account.content, 1, nowMs, hourMs);
  if (sum(account.content, nowMs, minuteMs) > limits.contentPerMinute) throw refuse();
  if (sum(account.content, nowMs, hourMs) > limits.contentPerHour) throw refuse();
}

/** Notes what was spent and forgets what is older than the window. */
function spend(list: Spent[], amount: number, nowMs: number, windowMs: number): void {
  list.push({ atMs: nowMs, amount });
  const old = list.findIndex((spent) => nowMs - spent.atMs < windowMs);
  if (old > 0) list.splice(0, old);
}

function sum(list: readonly Spent[], nowMs: number, windowMs: number): number {
  return list.reduce(
    (total, spent) => total + (nowMs - spent.atMs < windowMs ? spent.amount : 0),
    0,
  );
}

function newAccount(nowMs: number): Account {
  return {
    hourEndsMs: nowMs + hourMs,
    used: 0,
    concurrent: 0,
    points: [],
    graphqlPoints: [],
    content: [],
  };
}

function keyOf(actor: Actor): string {
  switch (actor.kind) {
    case "anonymous":
      return "127.0.0.1";
    case "user":
      return `user ID ${actor.account.id}`;
    case "app":
      return `app ID ${actor.app.id}`;
    case "installation":
      return `installation ID ${actor.installation.id}`;
  }
}
