/** The manager's tools: what each call changes, and its answer. Ids of other objectives do not exist here. */
import type { SessionId } from "./id.ts";
import { finish, openEndsLine } from "./finish.ts";
import { isTaken, pullRequestOf, type Session } from "./objective.ts";
import { push } from "./publish.ts";
import { newWord } from "./peers.ts";
import { agentOf } from "./repository.ts";
import { stateWords } from "./render.ts";
import { answered, refused, replyToCall, type CallReply } from "./reply.ts";
import { isTerminal } from "./session.ts";
import { newSession, sessionIdOf } from "./start.ts";
import { workerBrief } from "./prompt.ts";
import type { Step } from "./step.ts";
import { cancelSession as stopForGood } from "./stuck.ts";
import type { ToolCall } from "./tool-call.ts";

type Of<T extends ToolCall["tool"]> = Extract<ToolCall, { tool: T }>;

/** Sessions one objective may ever have: a manager in a loop must not fill the store. */
export const SESSIONS_MAX = 100;

/** A session of this objective by id or title. */
export function find(step: Step, name: string): Session | undefined {
  return step.workers.find(({ id, title }) => id === name || title === name);
}

export const unknown = (step: Step, name: string): CallReply =>
  refused(
    step.workers.length === 0
      ? `no session "${name}" in this objective; spawn_session makes one`
      : `no session "${name}" in this objective; name one of: ${step.workers.map(({ title }) => title).join(", ")}`,
  );

/** null = there is such an agent, or none was named. */
export function unknownAgent(step: Step, agent: string | undefined): CallReply | null {
  const agents = step.context.rules.agents.map(({ name }) => name);
  return agent === undefined || agents.includes(agent)
    ? null
    : refused(`there is no agent "${agent}"; name one of: ${agents.join(", ")}, or none`);
}

export function spawnSession(
  step: Step,
  { title, goal, dependsOn, runner, runnerLabels, agent }: Of<"spawn_session">,
): CallReply {
  const existing = find(step, title);
  if (existing !== undefined)
    return answered({ session: existing.id, title, note: "this session exists already" });
  if (step.objective.sessions.length >= SESSIONS_MAX)
    return refused(
      `an objective may have ${SESSIONS_MAX} sessions; message_session one of them, or finish_objective`,
    );
  const problem = unknownAgent(step, agent);
  if (problem !== null) return problem;
  const before: SessionId[] = [];
  for (const name of dependsOn) {
    const found = find(step, name);
    if (found === undefined) return unknown(step, name);
    before.push(found.id);
  }
  const { config, sessions, placement } = step.objective;
  const session = newSession(
    {
      id: sessionIdOf(step.context.derive(`session:${sessions.length}`)),
      role: "worker",
      title,
      goal,
      agent: agent ?? agentOf(config, "worker"),
      dependsOn: before,
      pin: runner ?? placement?.runner ?? null,
      ...(runnerLabels === undefined ? {} : { labels: runnerLabels }),
    },
    step.context.now,
  );
  step.change({
    sessions: [...sessions, session],
  });
  step.tell(session, workerBrief(step.objective, session, step.context.rules), "work");
  return answered({ session: session.id, title });
}

export function messageSession(
  step: Step,
  { session: name, text }: Of<"message_session">,
): CallReply {
  const session = find(step, name);
  if (session === undefined) return unknown(step, name);
  if (isTerminal(session.state))
    return refused(
      `session "${session.title}" is ${session.state.kind}; spawn_session makes a new one`,
    );
  newWord(step, session);
  step.tell(session, `From the manager:\n\n${text}`, "message");
  return answered({ session: session.id, delivery: delivery(session) });
}

function delivery(session: Session): string {
  if (session.state.kind === "paused" || isTaken(session)) return "when a person gives it back";
  return session.state.kind === "running" ? "now" : "at its next turn";
}

const view = (step: Step, session: Session): Readonly<Record<string, unknown>> => {
  const pull = pullRequestOf(step.objective, session.id);
  return {
    session: session.id,
    title: session.title,
    role: session.role,
    state: session.state.kind,
    status: stateWords(step.objective, session),
    reported: session.result !== null,
    pull_request: pull?.number ?? null,
    pull_request_state: pull?.state ?? null,
  };
};

export const listSessions = (step: Step): CallReply =>
  answered({ sessions: step.workers.map((session) => view(step, session)) });

export function getSession(step: Step, { session: name }: Of<"get_session">): CallReply {
  const session = find(step, name);
  if (session === undefined) return unknown(step, name);
  const { goal, progress, result, verdict } = session;
  const review = verdict === undefined ? {} : { verdict };
  return answered({ ...view(step, session), goal, progress, result, ...review });
}

export function cancelSession(
  step: Step,
  { session: name, reason }: Of<"cancel_session">,
): CallReply {
  const session = find(step, name);
  if (session === undefined) return unknown(step, name);
  if (isTerminal(session.state))
    return answered({ session: session.id, state: session.state.kind });
  stopForGood(step, session, `the manager: ${reason}`);
  return answered({ session: session.id, state: "canceled" });
}

/** Answered when the pull request is there, or was refused: the call stays open until then. */
export function publishPullRequest(
  step: Step,
  manager: Session,
  call: string,
  request: Of<"publish_pr">,
): CallReply | null {
  const session = find(step, request.session);
  if (session === undefined) return unknown(step, request.session);
  if (session.role === "reviewer")
    return refused(
      `"${session.title}" is a reviewer and has nothing to publish; publish_pr takes a worker`,
    );
  const pull = pullRequestOf(step.objective, session.id);
  // Asked again by a manager that died before it heard the answer; there is nothing that would be left out.
  if (pull?.state === "merged" && session.unpublished !== true)
    return { text: `pull request #${pull.number} is merged: ${pull.url}` };
  if (pull?.state === "merged" || pull?.state === "closed" || pull?.state === "waived")
    return refused(
      `pull request #${pull.number} of "${session.title}" is ${pull.state}; spawn_session for more work`,
    );
  if (session.away?.is === "lost")
    return refused(
      `the commits of "${session.title}" are on ${session.runner}, which is lost; end your turn and wait for it, or message_session to have it done again elsewhere`,
    );
  if (session.state.kind === "paused")
    return refused(
      `session "${session.title}" is taken over by ${session.state.by}; end your turn, and publish_pr it when it was given back`,
    );
  const reason = { kind: "publish", title: request.title, body: request.body } as const;
  if (session.push === null && !push(step, session, reason))
    return refused(
      `session "${session.title}" has not started yet; end your turn, and publish_pr it when it has reported`,
    );
  const open = {
    kind: "publish",
    call,
    attempt: manager.attempt,
    session: session.id,
  } as const;
  step.changeSession(manager.id, { calls: [...manager.calls, open] });
  return null;
}

export function finishObjective(
  step: Step,
  manager: Session,
  call: string,
  { summary }: Of<"finish_objective">,
): CallReply | null {
  const open = openEndsLine(step.objective);
  if (open !== "")
    return refused(`not yet: ${open}; end your turn and wait, or cancel_session what nobody needs`);
  replyToCall(step, manager, { call, attempt: manager.attempt }, answered({ status: "finished" }));
  finish(step, summary);
  return null;
}

/** For people, in the status: nobody has to agree. */
export function proposePlan(
  step: Step,
  { sessions, risks, questions }: Of<"propose_plan">,
): CallReply {
  step.change({ plan: { sessions, risks, questions } });
  return answered({
    status: "posted",
    next: "go on with spawn_session; ask_human what only a person can decide",
  });
}
