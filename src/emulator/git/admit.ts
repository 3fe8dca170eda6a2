/** Who may clone, fetch and push, in the words of GitHub's git servers. */
import { demand, visible } from "../access.ts";
import { need } from "../act/needs.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Repository } from "../model.ts";
import { Problem } from "../problem.ts";

/** The repository, when the actor may read or write it. @throws Problem 401, 403 or 404 */
export function admit(hub: Hub, actor: Actor, fullName: string, writes: boolean): Repository {
  const repository = hub.repositories.get(fullName.toLowerCase());
  if (repository === undefined || !visible(actor, repository)) {
    // Asking for a password, as GitHub does, tells nobody whether it exists.
    if (actor.kind === "anonymous") throw new Problem(401, "Repository not found.");
    throw new Problem(404, "Repository not found.");
  }
  if (writes && actor.kind === "anonymous") throw new Problem(401, "Authentication required.");
  try {
    demand(actor, repository, writes ? need.writeContents : need.readContents);
  } catch {
    const who = actor.kind === "user" ? actor.account.login : "the app";
    throw new Problem(403, `Permission to ${fullName}.git denied to ${who}.`);
  }
  return repository;
}
