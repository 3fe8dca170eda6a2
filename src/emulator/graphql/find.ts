/** Finds what a global node id stands for, as far as the asker may see it. */
import { visible } from "../access.ts";
import type { Hub } from "../hub.ts";
import type {
  Actor,
  Comment,
  Issue,
  Pull,
  Repository,
  Review,
  ReviewComment,
  Thread,
} from "../model.ts";
import { Problem } from "../problem.ts";

export type Found =
  | { readonly kind: "repository"; readonly value: Repository }
  | { readonly kind: "issue"; readonly value: Issue }
  | { readonly kind: "comment"; readonly value: Comment }
  | { readonly kind: "pull"; readonly value: Pull }
  | { readonly kind: "review"; readonly value: Review }
  | { readonly kind: "thread"; readonly value: Thread }
  | { readonly kind: "line-comment"; readonly value: ReviewComment };

/** @throws Problem 404 in the words of GitHub's GraphQL */
export function findNode(hub: Hub, actor: Actor, id: string): Found {
  for (const repository of hub.repositories.values()) {
    if (!visible(actor, repository)) continue;
    const found = inRepository(repository, id);
    if (found !== undefined) return found;
  }
  throw unresolved(id);
}

export function findPull(hub: Hub, actor: Actor, id: string): Pull {
  const found = findNode(hub, actor, id);
  if (found.kind === "pull") return found.value;
  throw unresolved(id);
}

export function findThread(hub: Hub, actor: Actor, id: string): Thread {
  const found = findNode(hub, actor, id);
  if (found.kind === "thread") return found.value;
  throw unresolved(id);
}

function unresolved(id: string): Problem {
  return new Problem(404, `Could not resolve to a node with the global id of '${id}'`);
}

function inRepository(repository: Repository, id: string): Found | undefined {
  if (repository.nodeId === id) return { kind: "repository", value: repository };
  for (const issue of repository.issues.values()) {
    if (issue.pull?.nodeId === id) return { kind: "pull", value: issue.pull };
    if (issue.nodeId === id) return { kind: "issue", value: issue };
    const inside = issue.pull === undefined ? undefined : inPull(issue.pull, id);
    if (inside !== undefined) return inside;
  }
  for (const value of repository.comments.values()) {
    if (value.nodeId === id) return { kind: "comment", value };
  }
  for (const value of repository.reviewComments.values()) {
    if (value.nodeId === id) return { kind: "line-comment", value };
  }
  return undefined;
}

function inPull(pull: Pull, id: string): Found | undefined {
  for (const value of pull.threads) if (value.nodeId === id) return { kind: "thread", value };
  for (const value of pull.reviews) if (value.nodeId === id) return { kind: "review", value };
  return undefined;
}
