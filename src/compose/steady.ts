/**
 * Wall time that never jumps: it begins with what people's clock says and goes on with time that cannot be set. When the
 * two have come apart (somebody set the clock, or the machine slept and `elapsed` stood still with it) everything that is
 * due later is moved, and time goes on from what the clock says now: what was to happen in an hour happens in an hour, and
 * texts show people's time. See docs/decisions/0011.
 */
import type { Clock, Log } from "../engine/ports.ts";
import type { Moment, Store } from "../store/port.ts";

export interface Steady {
  /** For everybody: `now` never jumps by itself, only in `follow`. */
  readonly clock: Clock;
  /** Has the clock been set? To be called before looking for what is due. Throws when what is due could not be moved. */
  readonly follow: () => Promise<void>;
}

export interface SteadyOptions {
  /** May be set by people; its timers go by `elapsed`. */
  readonly clock: Clock;
  /** Ms from anywhere; never jumps. */
  readonly elapsed: () => number;
  /** Which run of the machine `elapsed` counts in; empty = not known. */
  readonly boot: string;
  readonly store: Pick<Store, "lastMoment" | "rebase">;
  readonly log: Log;
}

/** Further apart than clocks that are kept right ever come. */
const JUMP_MS = 30_000;
/** So much of a jump while nobody served may go unnoticed. */
const NOTE_EVERY_MS = 60_000;

/** First makes good what happened to the clock while nobody served. */
export async function openSteady(options: SteadyOptions): Promise<Steady> {
  const { clock, elapsed, store, log } = options;
  const read = (): Moment => ({
    wall: Math.round(clock.now()),
    elapsed: Math.round(elapsed()),
    boot: options.boot,
  });
  let anchor = read();
  let noted = anchor;
  const now = (): number => anchor.wall + Math.round(elapsed()) - anchor.elapsed;

  const jump = async (byMs: number): Promise<void> => {
    const seen = read();
    await store.rebase(byMs, seen, () => {
      anchor = seen;
      noted = seen;
    });
    log.warn({ byMs }, "the clock was set, or the machine slept: what is due later was moved");
  };
  const note = async (): Promise<void> => {
    const seen = { ...read(), wall: now() };
    noted = seen;
    await store.rebase(0, seen, () => {});
  };

  const last = await store.lastMoment();
  const missed = last === null ? 0 : jumped(last, anchor);
  if (Math.abs(missed) > JUMP_MS) await jump(missed);
  else await note();
  return {
    clock: { now, after: (delayMs, callback) => clock.after(delayMs, callback) },
    async follow() {
      const byMs = Math.round(clock.now()) - now();
      if (Math.abs(byMs) > JUMP_MS) await jump(byMs);
      else if (elapsed() - noted.elapsed >= NOTE_EVERY_MS) await note();
    },
  };
}

/** How far the clock was set between two moments; without a common time only that it was set back shows. */
function jumped(last: Moment, now: Moment): number {
  const wentBy = now.wall - last.wall;
  const comparable = last.boot !== "" && last.boot === now.boot && now.elapsed >= last.elapsed;
  return comparable ? wentBy - (now.elapsed - last.elapsed) : Math.min(0, wentBy);
}
