/**
 * Hands on the emulated GitHub for tests and the demo: set up accounts, apps and repositories, act as a person, look at
 * what is there, wait for something to become true. Everything a person does here is checked and announced exactly as
 * when it comes over HTTP.
 */
import { roleOf } from "./access.ts";
import { createAccount } from "./act/accounts.ts";
import { createApp, install, ping, select, suspend, uninstall } from "./act/apps.ts";
import { createRepository, setRole } from "./act/repositories.ts";
import type { Core } from "./core.ts";
import type { Faults } from "./faults.ts";
import { accountOf, type Hub, issueOf, pullOf, repositoryOf } from "./hub.ts";
import type {
  Account,
  App,
  CheckRun,
  Comment,
  Delivery,
  Installation,
  Issue,
  Level,
  Pull,
  Reaction,
  Repository,
  Review,
  Role,
  Thread,
} from "./model.ts";
import { asPerson, type Person } from "./person.ts";

export interface World {
  createApp(wanted: AppWish): Promise<AppHandle>;
  createUser(login: string): Account;
  createOrganization(login: string): Account;
  /** An owner that does not exist yet becomes an organization. */
  createRepository(wanted: RepositoryWish): Promise<Repository>;
  install(
    app: AppHandle,
    wanted: { readonly account: string; readonly repositories?: readonly string[] },
  ): Installation;
  uninstall(id: number): void;
  suspend(id: number, suspended: boolean): void;
  /** Adds or removes repositories (`owner/name`) of an installation. */
  select(
    id: number,
    change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
  ): void;
  setPermission(repository: string, login: string, role: Role): void;
  permission(repository: string, login: string): Role;
  /** A person's hands; throws when there is no such user. */
  as(login: string): Person;

  repository(name: string): Repository;
  issue(repository: string, number: number): Issue;
  issues(repository: string): Issue[];
  comments(repository: string, number: number): Comment[];
  pull(repository: string, number: number): Pull;
  pulls(repository: string): Pull[];
  reviews(repository: string, number: number): Review[];
  reviewThreads(repository: string, number: number): Thread[];
  reactions(subject: { readonly reactions: ReadonlyMap<number, Reaction> }): Reaction[];
  checkRuns(repository: string, sha?: string): CheckRun[];

  /** The delivery log of an app, newest first. */
  deliveries(app: AppHandle): Delivery[];
  redeliver(app: AppHandle, id: number): Delivery;
  /** Sends the event that GitHub sends when a webhook is set up. */
  ping(app: AppHandle): void;
  /** Resolves when no delivery waits or is under way; what a fault holds back does not count. */
  idle(): Promise<void>;
  readonly faults: Faults;

  nowMs(): number;
  /** Moves the clock forward. */
  advance(ms: number): void;
  /** Calls back after every change, until the returned function is called. */
  watch(listener: () => void): () => void;
  /**
   * Resolves with the first truthy value of the predicate, looked at now and after every change. A predicate that
   * throws counts as not yet true.
   * @throws Error that names `what` when `timeoutMs` (default 20 s) of real time are over
   */
  waitFor<T>(
    predicate: (world: World) => T | undefined | null | false,
    options: { readonly what: string; readonly timeoutMs?: number },
  ): Promise<T>;
}

export interface AppWish {
  readonly slug: string;
  readonly webhookUrl?: string;
  readonly webhookSecret: string;
  readonly permissions: Readonly<Record<string, Level>>;
  readonly events: readonly string[];
  /** PEM; made when not given, which takes about 100 ms. */
  readonly privateKey?: string;
}

export interface AppHandle {
  readonly id: number;
  readonly slug: string;
  readonly clientId: string;
  /** PEM, PKCS #1, as GitHub hands it out. */
  readonly privateKey: string;
  readonly botUser: { readonly id: number; readonly login: string };
  setWebhookUrl(url: string): void;
}

export interface RepositoryWish {
  readonly owner: string;
  readonly name: string;
  readonly private?: boolean;
  /** Files of the first commit. */
  readonly files?: Readonly<Record<string, string>>;
  /** Path of a repository on disk whose branches and tags are copied. */
  readonly from?: string;
  readonly defaultBranch?: string;
}

const waitDefaultMs = 20_000;

/** What `createApp` takes when its wish does not say. */
export interface AppDefaults {
  readonly webhookUrl?: string;
  readonly privateKey?: string | undefined;
}

export function createWorld(
  { hub, sender, faults }: Pick<Core, "hub" | "sender" | "faults">,
  defaults: AppDefaults = {},
): World {
  const appOf = (handle: AppHandle): App => {
    const app = hub.apps.get(handle.id);
    if (app === undefined) throw new Error(`no app ${handle.slug}`);
    return app;
  };
  const repository = (name: string): Repository => {
    const found = hub.repositories.get(name.toLowerCase());
    if (found === undefined) throw new Error(`no repository ${name}`);
    return found;
  };
  const installation = (id: number): Installation => {
    const found = hub.installations.get(id);
    if (found === undefined) throw new Error(`no installation ${id}`);
    return found;
  };
  const owner = (login: string): Account =>
    accountOf(hub, login) ?? createAccount(hub, login, "Organization");
  const world: World = {
    async createApp(wanted) {
      const app = await createApp(hub, {
        ...wanted,
        webhookUrl: wanted.webhookUrl ?? defaults.webhookUrl ?? "",
        privateKey: wanted.privateKey ?? defaults.privateKey,
        owner: accountOf(hub, "github") ?? createAccount(hub, "github", "Organization"),
      });
      return handleOf(app);
    },
    createUser: (login) => createAccount(hub, login, "User"),
    createOrganization: (login) => createAccount(hub, login, "Organization"),
    createRepository: (wanted) =>
      createRepository(hub, {
        owner: owner(wanted.owner),
        name: wanted.name,
        private: wanted.private ?? false,
        files: wanted.files,
        from: wanted.from,
        defaultBranch: wanted.defaultBranch,
      }),
    install: (app, wanted) =>
      install(hub, appOf(app), owner(wanted.account), wanted.repositories?.map(repository)),
    uninstall: (id) => uninstall(hub, installation(id)),
    suspend: (id, suspended) => suspend(hub, installation(id), suspended),
    select: (id, { add = [], remove = [] }) =>
      select(hub, installation(id), { add: add.map(repository), remove: remove.map(repository) }),
    setPermission: (name, login, role) => setRole(hub, repository(name), user(hub, login), role),
    permission: (name, login) => roleOf(repository(name), user(hub, login)),
    as: (login) => asPerson(hub, user(hub, login)),
    ...inspection(hub),
    deliveries: (app) => sender.list(appOf(app)),
    redeliver: (app, id) => sender.redeliver(appOf(app), id),
    ping: (handle) => ping(hub, appOf(handle)),
    idle: () => sender.idle(),
    faults,
    nowMs: () => hub.nowMs(),
    advance: (ms) => hub.advance(ms),
    watch: (listener) => hub.watch(listener),
    waitFor: (predicate, options) => waitFor(hub, () => predicate(world), options),
  };
  return world;
}

type Inspection = Pick<
  World,
  | "repository"
  | "issue"
  | "issues"
  | "comments"
  | "pull"
  | "pulls"
  | "reviews"
  | "reviewThreads"
  | "reactions"
  | "checkRuns"
>;

function inspection(hub: Hub): Inspection {
  const repository = (name: string): Repository => repositoryOf(hub, name);
  const pull = (name: string, number: number): Pull => pullOf(hub, repository(name), number);
  const all = (name: string): Issue[] => [...repository(name).issues.values()];
  return {
    repository,
    issue: (name, number) => issueOf(hub, repository(name), number),
    issues: (name) => all(name).filter((issue) => issue.pull === undefined),
    comments: (name, number) => [...issueOf(hub, repository(name), number).comments],
    pull,
    pulls: (name) => all(name).flatMap((issue) => issue.pull ?? []),
    reviews: (name, number) => [...pull(name, number).reviews],
    reviewThreads: (name, number) => [...pull(name, number).threads],
    reactions: (subject) => [...subject.reactions.values()],
    checkRuns: (name, sha) =>
      [...repository(name).checkRuns.values()].filter(
        (run) => sha === undefined || run.headSha === sha,
      ),
  };
}

function waitFor<T>(
  hub: Hub,
  look: () => T | undefined | null | false,
  options: { readonly what: string; readonly timeoutMs?: number },
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? waitDefaultMs;
  return new Promise((resolve, reject) => {
    let last: unknown;
    const check = (): void => {
      try {
        const value = look();
        if (value === undefined || value === null || value === false) return;
        end();
        resolve(value);
      } catch (error) {
        last = error; // not there yet; told when time is up
      }
    };
    const cancel = hub.schedule(timeoutMs, () => {
      end();
      const cause = last === undefined ? {} : { cause: last };
      reject(new Error(`waited ${timeoutMs} ms in vain for ${options.what}`, cause));
    });
    const unwatch = hub.watch(check);
    const end = (): void => {
      cancel();
      unwatch();
    };
    check();
  });
}

function handleOf(app: App): AppHandle {
  return {
    id: app.id,
    slug: app.slug,
    clientId: app.clientId,
    privateKey: app.privateKey,
    botUser: { id: app.bot.id, login: app.bot.login },
    setWebhookUrl: (url) => {
      app.webhookUrl = url;
    },
  };
}

function user(hub: Hub, login: string): Account {
  const found = accountOf(hub, login);
  if (found?.kind === "User") return found;
  throw new Error(`no user ${login}: make one with createUser`);
}
