/**
 * The one mutable heart of an emulator: its tables, git, clock, chance, ids and change notices. Holds no rules and
 * speaks no HTTP.
 */
import type { Chance } from "./chance.ts";
import type { Git } from "./git/port.ts";
import { type Lag, openLag } from "./lag.ts";
import type {
  Account,
  App,
  Installation,
  InstallationToken,
  Issue,
  Pull,
  Repository,
} from "./model.ts";
import { notFound, Problem } from "./problem.ts";

export interface Hub {
  /** Base of everything: `http://127.0.0.1:PORT`. Known once the server listens. */
  url: string;
  readonly git: Git;
  readonly chance: Chance;
  /** Which new things lists do not show yet. */
  readonly lag: Lag;
  /** The emulator's only timers. */
  readonly schedule: Schedule;
  readonly accounts: Map<string, Account>;
  readonly apps: Map<number, App>;
  readonly installations: Map<number, Installation>;
  readonly tokens: Map<string, InstallationToken>;
  readonly repositories: Map<string, Repository>;
  /** Hands an event to every app that is subscribed to it. Set by the webhook module. */
  emit: (happening: Happening) => void;
  nowMs(): number;
  advance(ms: number): void;
  nextId(): number;
  nodeId(prefix: string, id: number): string;
  /** Tells everybody who waits that something changed. */
  touch(): void;
  /** Calls back after every change until the returned function is called. */
  watch(listener: () => void): () => void;
}

/** Calls `work` once, `delayMs` from now; the returned function calls it off. */
export type Schedule = (delayMs: number, work: () => void) => () => void;

/** Something that happened in a repository or to an installation. */
export interface Happening {
  readonly event: string;
  readonly action?: string;
  readonly sender: Account;
  readonly repository?: Repository;
  /** Only this installation hears of it (installation events). */
  readonly installation?: Installation;
  /** Only this app hears of it (check events, ping). */
  readonly app?: App;
  readonly payload: Readonly<Record<string, unknown>>;
}

export function createHub(options: {
  readonly git: Git;
  readonly chance: Chance;
  readonly schedule: Schedule;
  readonly now: () => number;
  /** How long lists leave out what is new, in ms; undefined: not at all. */
  readonly listLag: (() => number) | undefined;
}): Hub {
  const { git, chance, schedule, now } = options;
  const listeners = new Set<() => void>();
  let offsetMs = 0;
  let lastId = 1000;
  const nowMs = (): number => now() + offsetMs;
  return {
    url: "",
    git,
    chance,
    lag: openLag(options.listLag, nowMs),
    schedule,
    accounts: new Map(),
    apps: new Map(),
    installations: new Map(),
    tokens: new Map(),
    repositories: new Map(),
    emit() {},
    nowMs,
    advance(ms) {
      offsetMs += ms;
      this.touch();
    },
    nextId() {
      lastId += 1;
      return lastId;
    },
    nodeId: (prefix, id) => `${prefix}_kw${Buffer.from(`em${id}`).toString("base64url")}`,
    touch() {
      for (const listener of listeners) listener();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The account of that login, in any case; undefined when there is none. */
export function accountOf(hub: Hub, login: string): Account | undefined {
  return hub.accounts.get(login.toLowerCase());
}

/** Finds `owner/name`, in any case; a miss is GitHub's 404. */
export function repositoryOf(hub: Hub, name: string): Repository {
  const found = hub.repositories.get(name.toLowerCase());
  if (found === undefined) throw notFound();
  return found;
}

export function issueOf(hub: Hub, repository: Repository, number: number): Issue {
  const found = repository.issues.get(number);
  if (found !== undefined) return found;
  const moved = repository.transferred.get(number);
  if (moved !== undefined) throw movedTo(hub, moved);
  const once = number > 0 && number <= repository.lastNumber;
  throw once ? new Problem(410, "This issue was deleted") : notFound();
}

export function pullOf(hub: Hub, repository: Repository, number: number): Pull {
  const found = issueOf(hub, repository, number).pull;
  if (found === undefined) throw notFound();
  return found;
}

/** Where a transferred issue is now, by the repository's id, as GitHub's redirects name it. */
function movedTo({ url }: Hub, { repository, number }: Issue): Problem {
  const location = `${url}/api/v3/repositories/${repository.id}/issues/${number}`;
  return new Problem(301, "Moved Permanently", { headers: { location } });
}

/** The installation of `app` that covers this repository, if any. */
export function installationFor(
  hub: Hub,
  app: App,
  repository: Repository,
): Installation | undefined {
  for (const installation of hub.installations.values()) {
    if (installation.app === app && covers(installation, repository)) return installation;
  }
  return undefined;
}

export function covers(installation: Installation, repository: Repository): boolean {
  if (installation.account !== repository.owner) return false;
  return installation.selected === undefined || installation.selected.has(repository.id);
}

export function repositoriesOf(hub: Hub, installation: Installation): Repository[] {
  return [...hub.repositories.values()].filter((repository) => covers(installation, repository));
}

export function fullName(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`;
}
