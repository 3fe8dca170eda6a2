/**
 * Faults on demand: what a test or a demo wants to go wrong, and how often. Only matches and counts; the server and
 * the webhook sender do the harm.
 */
import type { Schedule } from "./hub.ts";

export interface FaultMatch {
  readonly method?: string;
  /** Tested against the path of a request, without host and query. */
  readonly path?: RegExp;
  /** A webhook: its event (`issues`) or event and action (`issues.labeled`), `*` for all. */
  readonly event?: string;
  /** How often it happens; default 1, `Infinity` for always. */
  readonly count?: number;
}

export type FaultKind =
  /** Answers with this status, before or after the request did its work. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly when: "before" | "after";
    }
  /** Closes the connection without an answer, before or after the request did its work. */
  | { readonly kind: "drop"; readonly when: "before" | "after" }
  /** Waits this long in real time, without `ms` until released, before the request is worked on or the webhook is sent. */
  | { readonly kind: "delay"; readonly ms?: number }
  /** Sends a webhook this many extra times, with the same GUID. */
  | { readonly kind: "duplicate"; readonly times: number }
  /** Logs a webhook as delivered and does not send it. */
  | { readonly kind: "lose" }
  /** Holds webhooks until there are `size`, then sends them in reverse. */
  | { readonly kind: "reorder"; readonly size: number };

export type FaultRule = { readonly match: FaultMatch } & FaultKind;

export interface Fault {
  readonly rule: FaultRule;
  readonly hits: number;
  /** Lets everything go that this fault holds back, and ends it. */
  release(): void;
}

export interface Faults {
  add(rule: FaultRule): Fault;
  /** Ends all faults and lets go what they hold. */
  clear(): void;
  /** How often any fault happened. */
  readonly hits: number;
  /** The first live rule for this request, counted as happened. */
  forRequest(method: string, path: string): ActiveFault | undefined;
  forWebhook(event: string, action: string | undefined): ActiveFault | undefined;
}

export interface ActiveFault {
  readonly rule: FaultRule;
  /** Resolves when the fault's delay is over: after `ms` of real time, or at release. */
  wait(ms: number | undefined): Promise<void>;
  /** Keeps something until `size` are kept, then runs all of them, the last first. */
  keep(size: number, work: () => void): void;
}

/** `touch` is called whenever a fault happens, so that one can wait for it; `schedule` ends delays. */
export function createFaults(touch: () => void, schedule: Schedule): Faults {
  const live: State[] = [];
  let ended = 0;
  const find = (matches: (match: FaultMatch) => boolean): ActiveFault | undefined => {
    const state = live.find(({ rule, left }) => left > 0 && matches(rule.match));
    if (state === undefined) return undefined;
    state.left -= 1;
    state.hits += 1;
    touch();
    return state;
  };
  return {
    add(rule) {
      const state = createState(rule, schedule);
      live.push(state);
      return {
        rule,
        get hits() {
          return state.hits;
        },
        release: () => state.release(),
      };
    },
    clear() {
      for (const state of live.splice(0)) {
        ended += state.hits;
        state.release();
      }
    },
    get hits() {
      return live.reduce((sum, state) => sum + state.hits, ended);
    },
    forRequest: (method, path) =>
      find(
        (match) =>
          match.event === undefined &&
          (match.method === undefined || match.method.toUpperCase() === method) &&
          (match.path === undefined || match.path.test(path)),
      ),
    forWebhook: (event, action) =>
      find(
        (match) =>
          match.event === "*" || match.event === event || match.event === `${event}.${action}`,
      ),
  };
}

interface State extends ActiveFault {
  left: number;
  hits: number;
  release(): void;
}

function createState(rule: FaultRule, schedule: Schedule): State {
  const waiting = new Set<() => void>();
  let kept: (() => void)[] = [];
  const flush = (): void => {
    const all = kept.toReversed();
    kept = [];
    for (const work of all) work();
  };
  return {
    rule,
    left: rule.match.count ?? (rule.kind === "reorder" ? rule.size : 1),
    hits: 0,
    wait(ms) {
      return new Promise((resolve) => {
        const cancel = ms === undefined ? undefined : schedule(ms, () => done());
        const done = (): void => {
          cancel?.();
          waiting.delete(done);
          resolve();
        };
        waiting.add(done);
      });
    },
    keep(size, work) {
      kept.push(work);
      if (kept.length >= size) flush();
    },
    release() {
      this.left = 0;
      for (const done of waiting) done();
      flush();
    },
  };
}
