/**
 * One GitHub is up or down for everybody. After several failures in a row nothing more is asked of it but one small
 * question now and then; whatever else wants to go waits, and its tries are not used up. Decides nothing about one
 * call: that is outcome.ts.
 */
import { PortError, type Clock } from "../engine/ports.ts";
import type { Failure } from "./outcome.ts";

export interface Breaker {
  /** While GitHub is taken to be down: ms after which to ask again. null = it is up. */
  waitMs(): number | null;
  /** Throws PortError while GitHub is taken to be down. */
  check(): void;
  /** GitHub answered, whatever it said. */
  answered(): void;
  /** A call failed; counts only when GitHub itself could not be reached or was in trouble. */
  failed(failure: Pick<Failure, "kind" | "status">): void;
  close(): void;
}

export interface BreakerOptions {
  readonly clock: Clock;
  /** One small read. Rejects while GitHub is down. */
  readonly probe: () => Promise<unknown>;
  /** Failures in a row after which GitHub is taken to be down. */
  readonly failuresMax?: number;
  /** Between two probes, in ms. */
  readonly probeEveryMs?: number;
  readonly onChange?: (up: boolean) => void;
}

const FAILURES_MAX = 5;
const PROBE_EVERY_MS = 15_000;
/** All who wait come back together, after the next question was answered: then the most urgent goes first. */
const AFTER_PROBE_MS = 1_000;

export function openBreaker(options: BreakerOptions): Breaker {
  const { clock, failuresMax = FAILURES_MAX, probeEveryMs = PROBE_EVERY_MS } = options;
  let failures = 0;
  /** Set while it is down: cancels the next probe. */
  let cancel: (() => void) | null = null;
  let probeAt = 0;
  let closed = false;

  const plan = (): void => {
    probeAt = clock.now() + probeEveryMs;
    cancel = clock.after(probeEveryMs, () => void probe());
  };
  const recover = (): void => {
    failures = 0;
    if (cancel === null) return;
    cancel();
    cancel = null;
    options.onChange?.(true);
  };
  const probe = async (): Promise<void> => {
    try {
      await options.probe();
      recover();
    } catch {
      // Still down: that is what was asked.
      if (!closed && cancel !== null) plan();
    }
  };
  const waitMs = (): number | null =>
    cancel === null
      ? null
      : AFTER_PROBE_MS + Math.min(probeEveryMs, Math.max(0, probeAt - clock.now()));

  return {
    waitMs,
    check() {
      const wait = waitMs();
      if (wait !== null)
        throw new PortError(
          "unavailable",
          "GitHub does not answer: nothing is asked of it until it does",
          {
            retryAfterMs: wait,
          },
        );
    },
    answered: recover,
    failed({ kind, status }) {
      const isDown = kind === "unavailable" && (status === null || status >= 500);
      if (!isDown) {
        recover();
        return;
      }
      failures += 1;
      if (failures < failuresMax || cancel !== null || closed) return;
      plan();
      options.onChange?.(false);
    },
    close() {
      closed = true;
      cancel?.();
      cancel = null;
    },
  };
}
