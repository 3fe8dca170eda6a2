/**
 * Reviews by agents. A reviewer has a checkout of a published pull request as it is now, and gives its verdict to the
 * manager, bound to the commit that it saw. Nothing of it is posted on GitHub, and nothing of its checkout is published.
 */
import { find, SESSIONS_MAX, unknown, unknownAgent } from "./manager-tools.ts";
import { pullRequestOf, type PullRequest, type Session } from "./objective.ts";
import { reviewerBrief, verdictMessage } from "./prompt.ts";
import { answered, refused, type CallReply } from "./reply.ts";
import { agentOf } from "./repository.ts";
import { isTerminal } from "./session.ts";
import { newSession, sessionIdOf } from "./start.ts";
import type { Step } from "./step.ts";
import { cancelSession } from "./stuck.ts";
import type { ToolCall } from "./tool-call.ts";

type Of<T extends ToolCall["tool"]> = Extract<ToolCall, { tool: T }>;

const TITLE_MAX = 100;

export function requestReview(
  step: Step,
  { session: name, focus, agent }: Of<"request_review">,
): CallReply {
  const author = find(step, name);
  if (author === undefined) return unknown(step, name);
  const problem = unknownAgent(step, agent);
  if (problem !== null) return problem;
  const pull = pullRequestOf(step.objective, author.id);
  if (!isOpen(pull))
    return refused(
      `"${author.title}" has no open pull request; publish_pr it first, a draft will do`,
    );
  const { sessions, config, placement } = step.objective;
  const earlier = reviewsOf(step, author.id);
  const going = earlier.find(({ state }) => !isTerminal(state));
  if (going !== undefined)
    return answered({ session: going.id, title: going.title, note: "this review is going on" });
  if (sessions.length >= SESSIONS_MAX)
    return refused(
      `an objective may have ${SESSIONS_MAX} sessions; do without, or finish_objective`,
    );
  const end = earlier.length === 0 ? "" : ` (${earlier.length + 1})`;
  const session: Session = {
    ...newSession(
      {
        id: sessionIdOf(step.context.derive(`session:${sessions.length}`)),
        role: "reviewer",
        title: `${`review of ${author.title}`.slice(0, TITLE_MAX - end.length)}${end}`,
        goal: focus ?? `Review pull request #${pull.number}.`,
        agent: agent ?? agentOf(config, "reviewer"),
        pin: placement?.runner ?? null,
      },
      step.context.now,
    ),
    reviews: author.id,
  };
  step.change({ sessions: [...sessions, session] });
  step.tell(session, reviewerBrief(step.objective, session, step.context.rules), "work");
  return answered({
    session: session.id,
    title: session.title,
    next: "end your turn; the verdict comes as a message",
  });
}

const isOpen = (pull: PullRequest | undefined): pull is PullRequest & { readonly number: number } =>
  pull !== undefined && pull.number !== null && (pull.state === "draft" || pull.state === "open");

const reviewsOf = ({ workers }: Step, id: Session["id"]): readonly Session[] =>
  workers.filter(({ reviews }) => reviews === id);

/** The manager hears it, with the commit it is about; said twice it is said once. */
export function submitReview(
  step: Step,
  session: Session,
  { verdict, summary, findings }: Of<"submit_review">,
): CallReply {
  const done = answered({ status: "submitted", next: "end your turn" });
  if (session.verdict !== undefined) return done;
  const head = session.workspace?.base ?? null;
  const given = { verdict, summary, findings, head };
  step.changeSession(session.id, { verdict: given });
  step.tell(step.manager, verdictMessage(step.objective, session, given), "message");
  return done;
}

/** Nobody needs a verdict on what is merged or closed. */
export function endReviews(step: Step): void {
  for (const session of step.workers) {
    if (session.reviews === undefined || isTerminal(session.state)) continue;
    if (session.verdict !== undefined || session.state.kind === "stopping") continue;
    const pull = pullRequestOf(step.objective, session.reviews);
    if (isOpen(pull)) continue;
    cancelSession(step, session, `its pull request is ${pull?.state ?? "gone"}`);
  }
}
