/**
 * How far the default branch has gone since a worker's checkout was made. GitHub is asked once an hour, and only what
 * changes its class is stored and shown: the status comment is not written for every commit that somebody pushes.
 */
import { isOver, type Session } from "./objective.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

const EVERY_MS = 60 * 60_000;
const PREFIX = "behind:";
/** Exact below the first. */
const CLASSES = [10, 50, 100, 500] as const;

/** The timer says all that has to be asked: no branch has a colon in its name. */
export function watchBehind(step: Step, { id, role, workspace }: Session): void {
  if (role !== "worker" || workspace === null) return;
  const { defaultBranch } = step.objective;
  step.timer(`${PREFIX}${id}:${workspace.base}:${defaultBranch}`, step.context.now + EVERY_MS);
}

/** What a timer of ours asks; null = it is another's. */
export function comparison(
  timer: string,
): { readonly base: string; readonly branch: string } | null {
  if (!timer.startsWith(PREFIX)) return null;
  const [, , base = "", branch = ""] = timer.split(":");
  return base === "" || branch === "" ? null : { base, branch };
}

export function onBehindTimer(step: Step, session: Session, base: string): void {
  // Another checkout has a timer of its own.
  if (session.workspace?.base !== base || isTerminal(session.state) || isOver(step.objective))
    return;
  const { behind } = step.context.facts;
  if (behind !== undefined && behind !== null) {
    const shown = classOf(behind);
    if (shown !== (session.behind ?? 0)) step.changeSession(session.id, { behind: shown });
  }
  watchBehind(step, session);
}

const classOf = (count: number): number => CLASSES.findLast((from) => from <= count) ?? count;

/** "12 commits behind main"; null = nothing to say. */
export function behindWords(branch: string, { behind = 0, state }: Session): string | null {
  if (behind === 0 || isTerminal(state)) return null;
  const count = behind >= CLASSES[0] ? `${behind}+` : String(behind);
  return `${count} ${behind === 1 ? "commit" : "commits"} behind ${branch}`;
}
