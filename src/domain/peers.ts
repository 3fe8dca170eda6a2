/**
 * Words between workers of one objective. Each message stands in the audit trail; a chain of them ends after a few, until
 * the manager or a person says something, so that two agents cannot keep each other busy.
 */
import type { Session } from "./objective.ts";
import { peerMessage } from "./prompt.ts";
import { answered, refused, type CallReply } from "./reply.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";
import type { ToolCall } from "./tool-call.ts";

/** Messages that may follow one another without manager or people. */
const HOPS_MAX = 3;
/** Messages one session may send to others. */
const SENT_MAX = 20;

const NONE = { hops: 0, sent: 0 };

export function messagePeer(
  step: Step,
  session: Session,
  { session: name, text }: Extract<ToolCall, { tool: "message_peer" }>,
): CallReply {
  const others = step.workers.filter(({ role, id }) => role === "worker" && id !== session.id);
  const peer = others.find(({ id, title }) => id === name || title === name);
  if (peer === undefined) return noPeer(name, others);
  if (isTerminal(peer.state))
    return refused(`worker "${peer.title}" is ${peer.state.kind}; message_manager instead`);
  const { hops, sent } = session.peers ?? NONE;
  if (hops >= HOPS_MAX)
    return refused(
      `${HOPS_MAX} messages between workers have followed one another; message_manager says what you need`,
    );
  if (sent >= SENT_MAX)
    return refused(
      `you have sent ${SENT_MAX} messages to other workers, the most one may; message_manager instead`,
    );
  step.changeSession(session.id, { peers: { hops, sent: sent + 1 } });
  const theirs = peer.peers ?? NONE;
  step.changeSession(peer.id, { peers: { ...theirs, hops: Math.max(theirs.hops, hops + 1) } });
  step.note(`"${session.title}" said to "${peer.title}": ${text.slice(0, 200)}`);
  step.tell(peer, peerMessage(session, text), "message");
  return answered({
    status: "sent",
    next: "go on; an answer comes as a message, so end your turn if you need it first",
  });
}

const noPeer = (name: string, others: readonly Session[]): CallReply =>
  refused(
    others.length === 0
      ? "there is no other worker in this objective; message_manager instead"
      : `no worker "${name}" in this objective; message_peer takes one of: ${others.map(({ title }) => title).join(", ")}`,
  );

/** The manager or a person has said something to it: what follows is no chain of peers any more. */
export function newWord(step: Step, { id }: Session): void {
  for (const { peers } of step.objective.sessions.filter((one) => one.id === id))
    if (peers !== undefined) step.changeSession(id, { peers: { ...peers, hops: 0 } });
}
