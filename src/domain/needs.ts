/** Which facts a decision has to know. The engine reads them before it calls `decide`. */
import { comparison } from "./behind.ts";
import type { ObjectiveEvent } from "./event.ts";
import type { Need } from "./facts.ts";
import type { Actor } from "./people.ts";

export function needs(event: ObjectiveEvent): readonly Need[] {
  if (event.kind === "issue-changed")
    return [{ kind: "issue", number: event.number }, { kind: "config" }, ...asked(event.actor)];
  if (event.kind === "comment-created" || event.kind === "comment-edited")
    return event.on === "issue"
      ? asked(event.actor)
      : [...asked(event.actor), { kind: "pull-request", number: event.number }];
  if (event.kind === "review-submitted")
    return [
      ...asked(event.actor),
      { kind: "pull-request", number: event.number },
      { kind: "review", number: event.number, review: event.review },
    ];
  if (event.kind === "pull-request-changed")
    return [{ kind: "pull-request", number: event.number }];
  if (event.kind === "timer-fired") {
    const asked = comparison(event.name);
    return asked === null ? [] : [{ kind: "behind", ...asked }];
  }
  return [];
}

/** Bots are never heard, so nobody asks what they may do. */
const asked = (actor: Actor): readonly Need[] =>
  actor.type === "user" ? [{ kind: "permission", actor }] : [];
