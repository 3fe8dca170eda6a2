/**
 * Where an attempt works. A checkout belongs to one session; a new one is made for the first attempt, for
 * review feedback (from the pull request's fresh head) and on another runner; every other attempt finds the
 * old one untouched. The manager gets a detached one and cannot publish from it (decision 19).
 */
import { branchName } from "./branch.ts";
import type { WorkspacePlan } from "./effect.ts";
import { pullRequestOf, type Objective, type Session, type Workspace } from "./objective.ts";
import type { SessionId } from "./id.ts";
import { directoryOf, type Repository } from "./repository.ts";

/** Below the runner's work root: unique per repository, session and checkout. */
export const workspacePath = (
  repository: Repository,
  session: SessionId,
  ordinal: number,
): string => `${directoryOf(repository)}/${session}/${ordinal}`;

export const reuse = ({ path, base }: Workspace): WorkspacePlan => ({ kind: "reuse", path, base });

/** A published branch, of this session or of what it depends on or reviews, is the start; agent files come from the default branch. */
export function checkout(objective: Objective, session: Session, ordinal: number): WorkspacePlan {
  const { defaultBranch, issue, repository, config } = objective;
  const sparse = config.workspace?.sparse ?? [];
  const path = workspacePath(repository, session.id, ordinal);
  const plain = {
    kind: "checkout",
    path,
    from: defaultBranch,
    branch: null,
    restoreFrom: null,
    ...(sparse.length === 0 ? {} : { sparse }),
  } as const;
  if (session.role === "manager") return plain;
  const own = pullRequestOf(objective, session.reviews ?? session.id);
  const branch =
    session.role === "reviewer" ? null : (own?.branch ?? branchName(issue.number, session));
  const before = session.dependsOn
    .map((id) => pullRequestOf(objective, id))
    .findLast((pull) => pull?.state === "draft" || pull?.state === "open");
  const from = own?.branch ?? before?.branch;
  return from === undefined
    ? { ...plain, branch }
    : { ...plain, branch, from, restoreFrom: defaultBranch };
}
