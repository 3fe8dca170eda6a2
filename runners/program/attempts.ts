/** All attempts of this runner: what is on disk, and which of them this daemon holds in memory. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { AttemptInfo } from "../../src/protocol/requests.ts";
import { Attempt, type AttemptContext } from "./attempt.ts";
import { RequestError } from "./errors.ts";
import { makeDirectory, writeAtomic } from "./files.ts";

export interface Attempts {
  /** Throws RequestError `unknown-attempt`. */
  get(session: string, number: number): Attempt;
  /** Makes it when it is new. Throws RequestError `stopped | fenced | busy` when it may not start. */
  forStart(session: string, number: number): Attempt;
  /** Makes it when it is new: a stop may come before the start. Undefined = ended and purged. */
  forStop(session: string, number: number): Attempt | undefined;
  /** Deletes the raw files of a finished attempt and remembers that it was there. */
  purge(session: string, number: number): Promise<void>;
  all(): readonly Attempt[];
  list(): AttemptInfo[];
}

export function openAttempts(context: AttemptContext): Attempts {
  const { layout } = context;
  const loaded = new Map<string, Attempt>();
  makeDirectory(layout.sessions);

  const isPurged = (session: string, number: number): boolean =>
    existsSync(join(layout.attempt(session, number), "purged"));
  const load = (session: string, number: number): Attempt => {
    const known = loaded.get(key(session, number));
    if (known !== undefined) return known;
    const attempt = new Attempt(context, session, number);
    loaded.set(key(session, number), attempt);
    return attempt;
  };

  for (const session of readdirSync(layout.sessions))
    for (const number of attemptNumbers(join(layout.sessions, session)))
      if (!isPurged(session, number)) load(session, number);

  return {
    get(session, number) {
      const attempt = loaded.get(key(session, number));
      if (attempt === undefined)
        throw new RequestError(
          "unknown-attempt",
          `no attempt ${number} of ${session} on this runner`,
        );
      return attempt;
    },
    forStart(session, number) {
      if (isPurged(session, number))
        throw new RequestError(
          "stopped",
          `attempt ${number} of ${session} has ended and was purged`,
        );
      const others = attemptNumbers(join(layout.sessions, session)).filter(
        (other) => other !== number,
      );
      const later = others.find((other) => other > number);
      if (later !== undefined)
        throw new RequestError(
          "fenced",
          `attempt ${number} of ${session} is older than attempt ${later}`,
        );
      const live = others.find((other) => loaded.get(key(session, other))?.busy === true);
      if (live !== undefined)
        throw new RequestError("busy", `attempt ${live} of ${session} has not ended yet`);
      return load(session, number);
    },
    forStop: (session, number) => (isPurged(session, number) ? undefined : load(session, number)),
    async purge(session, number) {
      if (isPurged(session, number)) return;
      const attempt = loaded.get(key(session, number));
      if (attempt === undefined) return;
      if (!attempt.finished)
        throw new RequestError("busy", `attempt ${number} of ${session} has not ended yet`);
      await attempt.close();
      writeAtomic(join(attempt.directory, "purged"), "");
      loaded.delete(key(session, number));
      for (const name of readdirSync(attempt.directory))
        if (name !== "purged")
          rmSync(join(attempt.directory, name), { recursive: true, force: true });
    },
    all: () => [...loaded.values()],
    list: () => [...loaded.values()].map(describe),
  };
}

function describe(attempt: Attempt): AttemptInfo {
  const { session, number, finished, journal } = attempt;
  const { out, err } = attempt.sizes();
  return { session, attempt: number, finished, outBytes: out, errBytes: err, seq: journal.seq };
}

function attemptNumbers(directory: string): number[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => /^[1-9]\d{0,8}$/u.test(name))
    .map(Number);
}

function key(session: string, number: number): string {
  return `${session}/${number}`;
}
