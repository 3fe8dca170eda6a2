/** Which facts a decision has to know. The engine reads them before it calls `decide`. */
import type { ObjectiveEvent } from "./event.ts";
import type { Need } from "./facts.ts";
import type { Actor } from "./people.ts";

export function needs(event: ObjectiveEvent): readonly Need[] {
  switch (event.kind) {
    case "issue-changed":
      return [{ kind: "issue", number: event.number }, { kind: "config" }, ...asked(event.actor)];
    case "comment-created":
    case "comment-edited":
      return [
        ...asked(event.actor),
        ...(event.on === "pull-request"
          ? [{ kind: "pull-request", number: event.number } as const]
          : []),
      ];
    case "review-submitted":
      return [
        ...asked(event.actor),
        { kind: "pull-request", number: event.number },
        { kind: "review", number: event.number, review: event.review },
      ];
    case "pull-request-changed":
      return [{ kind: "pull-request", number: event.number }];
    default:
      return [];
  }
}

/** Bots are never heard, so nobody asks what they may do. */
const asked = (actor: Actor): readonly Need[] =>
  actor.type === "user" ? [{ kind: "permission", actor }] : [];
