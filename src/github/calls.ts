/**
 * How the forge calls GitHub: paced per installation, with the narrowest token, and with GitHub's "slow
 * down" heard. Reads fail as PortError; writes fail with the raw error, whose certainty matters.
 */
import type { Repository } from "../domain/repository.ts";
import { PortError, type Clock } from "../engine/ports.ts";
import type { Auth } from "./auth.ts";
import type { Breaker } from "./breaker.ts";
import type { Client } from "./client.ts";
import { classify, portErrorOf } from "./outcome.ts";
import { READ, type Cost } from "./cost.ts";
import { OwnPace, takeTurn, type Pacing } from "./pacing.ts";
import type { PermissionSet } from "./permissions.ts";

export interface Calls {
  read<T>(
    repository: Repository,
    permissions: PermissionSet,
    call: (client: Client) => Promise<T>,
  ): Promise<T>;
  write<T>(
    repository: Repository,
    permissions: PermissionSet,
    cost: Cost & { readonly priority: number },
    call: (client: Client) => Promise<T>,
  ): Promise<T>;
}

export interface CallsOptions {
  readonly auth: Auth;
  readonly pacing: Pacing;
  readonly clock: Clock;
  /** Missing: GitHub is always asked. */
  readonly breaker?: Breaker | undefined;
  /** A call waits this long for its turn in place; longer waits are given back to the caller. */
  readonly patienceMs: number;
}

export function openCalls(options: CallsOptions): Calls {
  const { auth, pacing, clock, patienceMs, breaker } = options;

  const paced = async (installation: number, cost: Cost, priority: number): Promise<void> => {
    breaker?.check();
    await takeTurn(pacing, installation, { ...cost, priority }, patienceMs);
  };

  const heard = (installation: number, error: unknown): void => {
    // A token that had to wait for its turn: GitHub said nothing.
    if (error instanceof OwnPace) return;
    const failure = classify(error, clock.now());
    if (failure === null) return;
    breaker?.failed(failure);
    if (failure.kind === "rate-limited") pacing.limited(installation, failure.retryAfterMs);
  };

  const made = async <T>(
    { installation }: Repository,
    client: Client,
    call: (client: Client) => Promise<T>,
  ): Promise<T> => {
    try {
      const answer = await call(client);
      breaker?.answered();
      pacing.went(installation);
      return answer;
    } catch (error) {
      heard(installation, error);
      throw error;
    }
  };

  return {
    async read(repository, permissions, call) {
      await paced(repository.installation, READ, 0);
      try {
        return await made(repository, auth.client(repository, permissions), call);
      } catch (error) {
        throw portErrorOf(error, clock.now());
      }
    },
    async write(repository, permissions, cost, call) {
      await paced(repository.installation, cost, cost.priority);
      return made(repository, auth.client(repository, permissions), call);
    },
  };
}

/** For reads of things that may be gone: null instead of an error. */
export async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof PortError && error.kind === "gone") return null;
    throw error;
  }
}

/** Where a repository is reached: the names as last seen; GitHub redirects old ones. */
export const at = ({
  owner,
  name,
}: Repository): { readonly owner: string; readonly repo: string } => ({
  owner,
  repo: name,
});
