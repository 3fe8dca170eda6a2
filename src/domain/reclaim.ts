/**
 * May a checkout go? Evidence decides, not age alone: nobody uses it, nobody will, and nothing in it is only there.
 *
 *     keep      why, for people
 *     examine   it could go if nothing were in it that is nowhere else: look first
 *     back-up   it may go as soon as what is only there is kept elsewhere
 *     delete    nothing in it is only there
 *
 * Invariant: without evidence nothing is deleted, and with evidence of work only after a backup.
 */
import { isOver, pullRequestOf, type Objective, type Session } from "./objective.ts";
import { clock } from "./time.ts";
import { isLive, isTerminal } from "./session.ts";
import { workspacePath } from "./workspace.ts";

/** A checkout as its runner sees it. */
export interface Checkout {
  /** Below the runner's work root. */
  readonly path: string;
  readonly session: string;
  readonly ordinal: number;
  /** An attempt lives in it. */
  readonly busy: boolean;
  /** The commit it started from; null = nobody knows. */
  readonly base: string | null;
  /** null = nobody has looked. */
  readonly evidence: CheckoutEvidence | null;
  /** Why there is none although somebody looked. */
  readonly trouble: string | null;
}

export interface CheckoutEvidence {
  readonly head: string;
  /** Commits that neither its base nor what is published has. */
  readonly ahead: number;
  readonly dirty: boolean;
}

export interface ReclaimContext {
  readonly now: number;
  /** How long after its end a checkout stays. */
  readonly keepMs: number;
  readonly runner: string;
}

export interface Verdict {
  readonly kind: "keep" | "examine" | "back-up" | "delete";
  /** One line in words. */
  readonly reason: string;
}

const keep = (reason: string): Verdict => ({ kind: "keep", reason });

/** `objective` = the one that has the session; null = there is none here. */
export function reclaim(
  checkout: Checkout,
  objective: Objective | null,
  context: ReclaimContext,
): Verdict {
  if (checkout.busy) return keep("an agent works in it");
  const session = objective?.sessions.find(({ id }) => id === checkout.session);
  if (objective === null || session === undefined)
    return keep(
      "no session here is called so: look into it, and remove the directory by hand if nobody needs it",
    );
  if (
    workspacePath(objective.repository, session.id, checkout.ordinal) !== checkout.path &&
    session.workspace?.path !== checkout.path
  )
    return keep(
      "it is not where this session's checkouts are: look into it, and remove it by hand",
    );
  const spent = spentSince(objective, session, checkout, context);
  if (typeof spent === "string") return keep(spent);
  const goesAt = spent.since + context.keepMs;
  if (context.now < goesAt) return keep(`${spent.why}; kept until ${clock(goesAt)}`);
  return byEvidence(checkout, spent);
}

interface Spent {
  readonly since: number;
  readonly why: string;
  /** What is only there may be kept elsewhere instead: nobody comes back to this checkout. */
  readonly backUp: boolean;
}

/** Since when nobody needs it, or who needs it still. */
function spentSince(
  objective: Objective,
  session: Session,
  { path, ordinal }: Checkout,
  { runner }: ReclaimContext,
): Spent | string {
  const { state } = objective;
  const { title } = session;
  const isCurrent =
    session.workspace?.path === path || (session.freshCheckout && ordinal === session.checkouts);
  if (isLive(session.state) && (isCurrent || isOver(objective))) return `${title} is at work`;
  if (state.kind === "succeeded" || state.kind === "canceled")
    return { since: state.at, why: `the objective has ended (${state.kind})`, backUp: true };
  if (session.push !== null) return `what ${title} has committed is being published`;
  const moved = session.runner !== null && session.runner !== runner;
  if (isTerminal(session.state)) {
    const waiting = objective.sessions.find(
      (other) => other.dependsOn.includes(session.id) && !isTerminal(other.state),
    );
    if (waiting !== undefined) return `${waiting.title} builds on it`;
    return {
      since: session.state.since,
      why: `${title} has ended (${session.state.kind})`,
      backUp: true,
    };
  }
  if (isCurrent && !moved) return `${title} may be woken, and goes on in it`;
  const where = moved ? ` on ${session.runner}` : "";
  return {
    since: session.state.since,
    why: `${title} has a later checkout${where}`,
    backUp: false,
  };
}

function byEvidence({ evidence, trouble }: Checkout, { why, backUp }: Spent): Verdict {
  if (evidence === null)
    return trouble === null
      ? { kind: "examine", reason: why }
      : keep(`${why}, but what is in it cannot be told: ${trouble}`);
  const only = [
    ...(evidence.ahead > 0
      ? [`${evidence.ahead} unpublished ${evidence.ahead === 1 ? "commit" : "commits"}`]
      : []),
    ...(evidence.dirty ? ["uncommitted changes"] : []),
  ].join(" and ");
  if (only === "") return { kind: "delete", reason: `${why}, and nothing in it is only there` };
  return backUp
    ? { kind: "back-up", reason: `${why}; it has ${only}` }
    : keep(`${why}, but this one has ${only}: it goes when the session has ended`);
}

/** Commits that are on GitHub, whatever the runner's copy of it says. */
export function publishedBy(objective: Objective, session: string): readonly string[] {
  const found = objective.sessions.find(({ id }) => id === session);
  const pull = found === undefined ? undefined : pullRequestOf(objective, found.id);
  return pull === undefined ? [] : [pull.pushedSha];
}
