/**
 * The ladder of a stop: end of input, SIGTERM to the agent's group, SIGKILL, then a sweep for everything
 * that carries the session's mark. Each rung is given time; the end is always journaled.
 */
import { join } from "node:path";
import type { Attempt } from "./attempt.ts";
import { RequestError } from "./errors.ts";
import { writeAtomic } from "./files.ts";
import { endInput, preventKeeper, readKeeper } from "./keeper.ts";
import { marked, signal, sweep } from "./processes.ts";

/** An agent that ends on end of input needs no signal; most do within this. */
const EOF_MS_MAX = 1000;
/** After SIGKILL only the keeper has to write one file. */
const KEEPER_MS = 3000;

/** `abandonStart` aborts a preparation and waits for it. Resolves when `exited` or `prepare-failed` is journaled. */
export async function stopAttempt(
  attempt: Attempt,
  graceMs: number,
  abandonStart: () => Promise<void>,
): Promise<void> {
  if (attempt.finished) return;
  const { directory, session } = attempt;
  // The tombstone: from here on nothing starts in this attempt, in this daemon or the next.
  writeAtomic(join(directory, "stop"), "");
  await abandonStart();
  if (attempt.finished) return;
  if (preventKeeper(directory)) {
    await sweep(session);
    attempt.neverStarted();
    return;
  }
  await attempt.adopt();
  if (attempt.finished) return;

  const agent = readKeeper(directory).agent;
  if (graceMs > 0) {
    endInput(directory, session);
    if (await ended(attempt, Math.min(graceMs, EOF_MS_MAX))) return;
    signalGroup(session, agent, "SIGTERM");
    if (await ended(attempt, graceMs)) return;
  }
  signalGroup(session, agent, "SIGKILL");
  const { keeper } = readKeeper(directory);
  await sweep(session, keeper === undefined ? [] : [keeper.pid]);
  if (await ended(attempt, KEEPER_MS)) return;
  // The keeper hangs (a full disk): end it too, its absence is the exit status.
  await sweep(session);
  await attempt.check();
  if (!attempt.finished)
    throw new RequestError(
      "failed",
      `the end of attempt ${attempt.number} of ${session} could not be recorded`,
    );
}

/** Only when somebody in the group carries our mark: the number alone may mean another process by now. */
function signalGroup(session: string, group: number | undefined, name: NodeJS.Signals): void {
  if (group === undefined) return;
  if (marked("ORCHA_SESSION", session).some((found) => found.group === group)) signal(-group, name);
}

function ended(attempt: Attempt, timeoutMs: number): Promise<boolean> {
  if (attempt.finished) return Promise.resolve(true);
  return new Promise((resolve) => {
    const look = (): void => {
      if (attempt.finished) settle(true);
      else attempt.checkLater();
    };
    const stop = attempt.onChange(look);
    const timer = setTimeout(() => settle(attempt.finished), timeoutMs);
    // Watches may be missing or late; looking is cheap.
    const poll = setInterval(look, 50);
    const settle = (done: boolean): void => {
      stop();
      clearTimeout(timer);
      clearInterval(poll);
      resolve(done);
    };
  });
}
