/** Reactions to issues, comments and review comments. GitHub sends no webhook for them. */
import { accountOfActor, atLeast, demand, type Need, roleOf } from "../access.ts";
import type { Hub } from "../hub.ts";
import { type Actor, type Reaction, reactionContents, type Repository } from "../model.ts";
import { notFound } from "../problem.ts";
import { oneOf } from "./text.ts";

/** Something that can be reacted to. */
export interface Reactable {
  readonly reactions: Map<number, Reaction>;
}

/** Adds a reaction; the same person's same reaction a second time is the first one again. */
export function react(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  need: Need,
  subject: Reactable,
  wanted: string | undefined,
): { readonly reaction: Reaction; readonly created: boolean } {
  demand(actor, repository, need);
  const user = accountOfActor(actor);
  const content = oneOf(wanted ?? "", reactionContents, "content") ?? "+1";
  for (const reaction of subject.reactions.values()) {
    if (reaction.user === user && reaction.content === content) return { reaction, created: false };
  }
  const id = hub.nextId();
  const nodeId = hub.nodeId("REA", id);
  const reaction: Reaction = { id, nodeId, user, content, createdAtMs: hub.nowMs() };
  subject.reactions.set(id, reaction);
  hub.touch();
  return { reaction, created: true };
}

export function unreact(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  need: Need,
  subject: Reactable,
  id: number,
): void {
  demand(actor, repository, need);
  const reaction = subject.reactions.get(id);
  if (reaction === undefined) throw notFound();
  const user = accountOfActor(actor);
  if (reaction.user !== user && !atLeast(roleOf(repository, user), "write")) throw notFound();
  subject.reactions.delete(id);
  hub.touch();
}
