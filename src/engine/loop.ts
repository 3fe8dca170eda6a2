/**
 * The engine at its own pace: something was written, or something is due → one round of everything until
 * nothing is left. Timers only enqueue; nothing is done directly in reaction to the outside.
 */
import { Fenced, type Store } from "../store/port.ts";
import type { Deliver } from "./deliver.ts";
import type { Drain } from "./drain.ts";
import type { Clock, Log } from "./ports.ts";
import { openReasons } from "./reasons.ts";
import { tick, type TickParts } from "./tick.ts";

export interface LoopParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly drain: Drain;
  readonly deliver: Deliver;
  /** Routes accepted deliveries into the inbox; the number routed. */
  readonly route: () => Promise<number>;
  /** Follows the records of attempts that became live. */
  readonly follow: () => Promise<void>;
  /** What is known of machines now, and the limits of placing; default: nothing, and none. */
  readonly known?: NonNullable<TickParts["known"]>;
  /** Before anything that is due is looked for: has our clock been set? */
  readonly time?: () => Promise<void>;
  /** A round begins: whoever watches knows that the engine turns. */
  readonly onRound?: () => void;
  /** A net under the wake-ups: everything that is due is also found by looking, this often. */
  readonly lookEveryMs: number;
}

/** After a failed round (the store is away, the disk is full). */
const AFTER_FAILURE_MS = 1_000;

export interface Loop {
  /** One round; true when something was done. Tests pump it by hand. */
  round(): Promise<boolean>;
  start(): void;
  /** Stops taking up work and waits for what is in the air, up to `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export function openLoop(parts: LoopParts): Loop {
  const { store, clock, log, lookEveryMs } = parts;
  const place = openPlacing(parts);
  const life = { running: false, ended: Promise.resolve() };
  let written = false;
  let resting: (() => void) | null = null;
  const wake = (): void => {
    written = true;
    resting?.();
  };

  const round = async (): Promise<boolean> => {
    parts.onRound?.();
    await parts.time?.();
    await store.fireTimers(clock.now());
    const routed = await parts.route();
    const drained = await parts.drain.once();
    const placed = await place();
    await parts.follow();
    const started = await parts.deliver.once();
    return routed + drained + placed + started > 0;
  };

  const rest = async (waitMs: number): Promise<void> => {
    const woken = Promise.withResolvers<void>();
    const cancel = clock.after(waitMs, woken.resolve);
    resting = woken.resolve;
    await woken.promise;
    resting = null;
    cancel();
  };

  const run = async (): Promise<void> => {
    const forget = [store.onWork(wake), parts.deliver.onLanded(wake), parts.drain.onLanded(wake)];
    while (life.running) {
      written = false;
      try {
        if (await round()) continue;
        const due = await store.nextDue(clock.now());
        const waitMs = Math.min(
          lookEveryMs,
          due === null ? lookEveryMs : Math.max(0, due - clock.now()),
        );
        // Something was written during the round: look again at once.
        if (!written) await rest(waitMs);
      } catch (error) {
        const message = error instanceof Error ? error.message : "unknown failure";
        if (error instanceof Fenced) {
          log.error({ error: message }, "the engine stops");
          break;
        }
        log.error({ error: message }, "round failed");
        await rest(AFTER_FAILURE_MS);
      }
    }
    for (const one of forget) one();
  };

  return {
    round,
    start() {
      life.running = true;
      life.ended = run();
    },
    async stop(graceMs) {
      life.running = false;
      wake();
      await life.ended;
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(graceMs, late.resolve);
      await Promise.race([Promise.all([parts.deliver.idle(), parts.drain.idle()]), late.promise]);
      cancel();
    },
  };
}

/** Slots for those that wait; the others hear now and then why. */
function openPlacing(parts: LoopParts): () => Promise<number> {
  const reasons = openReasons(parts);
  return async () => {
    const placed = await tick(parts);
    await reasons.once(parts.known?.() ?? {});
    return placed;
  };
}
