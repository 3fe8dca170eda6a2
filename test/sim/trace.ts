/**
 * What happened, as columns for people and as one hash: the same seed and commit give the same hash. Only the
 * last lines are kept.
 */
import { createHash } from "node:crypto";

export interface Line {
  readonly at: number;
  /** `owner/name#1`, or empty. */
  readonly issue: string;
  readonly session: string;
  readonly runner: string;
  readonly event: string;
}

export interface Trace {
  add(event: string, about?: Partial<Pick<Line, "issue" | "session" | "runner">>): void;
  /** The last lines, oldest first. */
  last(): readonly Line[];
  readonly count: number;
  hash(): string;
}

const KEPT = 3_000;

export function openTrace(now: () => number): Trace {
  const hash = createHash("sha256");
  let lines: Line[] = [];
  let count = 0;
  return {
    add(event, about = {}) {
      const line = { at: now(), issue: "", session: "", runner: "", ...about, event };
      hash.update(`${line.at}\t${line.issue}\t${line.session}\t${line.runner}\t${event}\n`);
      count += 1;
      lines.push(line);
      if (lines.length > 2 * KEPT) lines = lines.slice(-KEPT);
    },
    last: () => lines.slice(-KEPT),
    get count() {
      return count;
    },
    hash: () => hash.copy().digest("hex").slice(0, 16),
  };
}

/** As columns: time, issue, session, runner, event. */
export function columns(lines: readonly Line[], start: number): string {
  const row = ({ at, issue, session, runner, event }: Line): string =>
    [
      clock(at - start).padEnd(14),
      issue.padEnd(8),
      session.slice(-6).padEnd(7),
      runner.padEnd(7),
      event.slice(0, 150),
    ].join(" ");
  return ["time           issue    session runner  event", ...lines.map(row)].join("\n");
}

const clock = (ms: number): string => {
  const [day, rest] = [Math.floor(ms / 86_400_000), ms % 86_400_000];
  return `${day}d ${new Date(rest).toISOString().slice(11, 23)}`;
};
