/**
 * Who may do what: roles of people, permissions of App tokens. Pure questions over the model; a "no" is a Problem.
 */
import { covers } from "./hub.ts";
import type { Account, Actor, Level, Permissions, Repository, Role } from "./model.ts";
import { notAccessible, notFound, Problem } from "./problem.ts";

const roles: readonly Role[] = ["none", "read", "triage", "write", "maintain", "admin"];
const levels: readonly Level[] = ["read", "write", "admin"];

/** What an operation needs: one of these permission sets for an App token, at least this role for a person. */
export interface Need {
  readonly app: readonly Permissions[];
  readonly role: Role;
}

/**
 * Refuses unless the actor may do this in this repository.
 * Not visible: 404. Visible but not allowed: 403, with `x-accepted-github-permissions` for App tokens.
 */
export function demand(actor: Actor, repository: Repository, need: Need): void {
  const writes = atLeast(need.role, "triage") || need.app.some(writesSomething);
  switch (actor.kind) {
    case "app":
      throw notAccessible(acceptedOf(need));
    case "anonymous":
      if (repository.private) throw notFound();
      if (writes) throw new Problem(401, "Requires authentication");
      return;
    case "user": {
      const role = roleOf(repository, actor.account);
      if (role === "none") throw notFound();
      if (!atLeast(role, need.role)) {
        throw new Problem(403, "Resource not accessible by personal access token");
      }
      return;
    }
    case "installation":
      demandOfToken(actor, repository, need, writes);
      return;
  }
}

function demandOfToken(
  actor: Actor & { kind: "installation" },
  repository: Repository,
  need: Need,
  writes: boolean,
): void {
  if (!sees(actor, repository)) {
    if (repository.private) throw notFound();
    if (writes) throw notAccessible(acceptedOf(need));
    return;
  }
  const enough = need.app.some((set) => holds(actor.token.permissions, set));
  if (!enough) throw notAccessible(acceptedOf(need));
}

/** Whether the token's scope includes this repository at all. */
function sees(actor: Actor & { kind: "installation" }, repository: Repository): boolean {
  const scope = actor.token.repositoryIds;
  return covers(actor.installation, repository) && (scope?.has(repository.id) ?? true);
}

/** Whether the actor may know that the repository exists. */
export function visible(actor: Actor, repository: Repository): boolean {
  if (!repository.private) return true;
  if (actor.kind === "user") return roleOf(repository, actor.account) !== "none";
  return actor.kind === "installation" && sees(actor, repository);
}

export function holds(has: Permissions, wanted: Permissions): boolean {
  return Object.entries(wanted).every(([name, level]) => {
    const given = name === "metadata" ? (has[name] ?? "read") : has[name];
    return given !== undefined && levels.indexOf(given) >= levels.indexOf(level);
  });
}

export function roleOf(repository: Repository, account: Account): Role {
  if (account === repository.owner) return "admin";
  const explicit = repository.roles.get(account.login.toLowerCase());
  if (explicit !== undefined && explicit !== "none") return explicit;
  return repository.private ? "none" : "read";
}

export function atLeast(role: Role, wanted: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(wanted);
}

/** The account in whose name the actor acts. */
export function accountOfActor(actor: Actor): Account {
  switch (actor.kind) {
    case "anonymous":
      throw new Problem(401, "Requires authentication");
    case "user":
      return actor.account;
    case "app":
    case "installation":
      return actor.app.bot;
  }
}

function writesSomething(set: Permissions): boolean {
  return Object.values(set).some((level) => level !== "read");
}

function acceptedOf(need: Need): string {
  return need.app
    .map((set) =>
      Object.entries(set)
        .map(([name, level]) => `${name}=${level}`)
        .join(","),
    )
    .join("; ");
}
