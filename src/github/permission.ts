/** What GitHub lets a person do in a repository, asked at the time of use (security.md D9). */
import type { Actor, Permission } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import type { Clock } from "../engine/ports.ts";
import { at, orNull, type Calls } from "./calls.ts";

export interface PermissionReader {
  read(repository: Repository, actor: Actor): Promise<Permission>;
}

/** Longest time an answer is used again. */
export const PERMISSION_MAX_AGE_MS = 60_000;
const REMEMBERED_MAX = 2_000;

const PERMISSIONS: readonly Permission[] = ["none", "read", "triage", "write", "maintain", "admin"];

/**
 * Trust is by numeric id: the login only finds the answer, and an answer about another id is `none`.
 * Bots are `none` without asking.
 */
export function openPermissionReader(
  calls: Calls,
  clock: Pick<Clock, "now">,
  maxAgeMs: number = PERMISSION_MAX_AGE_MS,
): PermissionReader {
  const remembered = new Map<string, { readonly until: number; readonly value: Permission }>();

  const ask = async (repository: Repository, actor: Actor): Promise<Permission> => {
    const answer = await orNull(
      calls.read(repository, "facts", async (client) => {
        const route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission";
        return (await client.request(route, { ...at(repository), username: actor.login })).data;
      }),
    );
    if (answer === null || Number(answer.user?.id) !== actor.id) return "none";
    // A custom role has a name of its own; `permission` then says what it amounts to.
    const known = [answer.role_name, answer.permission];
    return (
      PERMISSIONS.find((permission) => permission === known[0]) ??
      PERMISSIONS.find((permission) => permission === known[1]) ??
      "none"
    );
  };

  return {
    async read(repository, actor) {
      if (actor.type !== "user" || !/^[A-Za-z0-9_-]{1,100}$/u.test(actor.login)) return "none";
      const name = `${repository.id}/${actor.id}/${actor.login}`;
      const known = remembered.get(name);
      if (known !== undefined && known.until > clock.now()) return known.value;
      const value = await ask(repository, actor);
      if (remembered.size >= REMEMBERED_MAX) remembered.clear();
      remembered.set(name, { until: clock.now() + maxAgeMs, value });
      return value;
    },
  };
}
