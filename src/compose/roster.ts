/**
 * The machines that are registered, each with its link. Says in the store what keeps one from taking sessions: another
 * host key than the pinned one (nothing more is sent to it), a newer control plane that it obeys.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { openLink, type Link } from "../fleet/link.ts";
import { openLocal } from "../fleet/local.ts";
import { ensureProgram } from "../fleet/program.ts";
import { HostKeyChanged } from "../fleet/ssh/errors.ts";
import { openSsh, type SshTransport } from "../fleet/ssh/ssh.ts";
import { openSystemSsh } from "../fleet/ssh/system.ts";
import type { RunnerTransport } from "../fleet/transport.ts";
import type { Identity } from "../store/identity.ts";
import type { RunnerRow, Store } from "../store/port.ts";
import { realClock } from "./clock.ts";

export const LOCAL = "local";

export interface RosterOptions {
  readonly config: Config;
  readonly identity: Identity;
  readonly store: Store;
  readonly log: Pick<Logger, "info" | "warn">;
  /** Agents may run as the user that runs us. */
  readonly local: boolean;
  /** Where the runner program is kept; default: the data directory. */
  readonly programDir?: string | undefined;
}

export interface Roster {
  /** Changes as machines come and go. */
  readonly links: ReadonlyMap<string, Link>;
  /** Begins to talk to a machine, or anew when it was changed. */
  open(row: RunnerRow): Promise<Link>;
  /** Sessions run on there. */
  close(name: string): Promise<void>;
  /** Undefined = this machine, or none. */
  ssh(name: string): SshTransport | undefined;
  /** Calls back for every link that is opened from now on. */
  onLink(listener: (name: string, link: Link) => void): () => void;
}

/** It was put aside because somebody newer commanded it; the next start may find that this has passed. */
const FENCED = "it obeys a newer control plane";
const NOT_LOCAL =
  "agents do not run as the user that holds the App's key: register a machine (orcha runner add), or serve with --unsafe-local";

/** Begins to connect to every registered machine. */
export async function openRoster(
  options: RosterOptions,
  stack: AsyncDisposableStack,
): Promise<Roster> {
  const { config, store, local } = options;
  const { directory } = await ensureProgram({ dataDir: options.programDir ?? config.dataDir });
  const links = new Map<string, Link>();
  const machines = new Map<string, SshTransport>();
  const listeners = new Set<(name: string, link: Link) => void>();
  const close = async (name: string): Promise<void> => {
    const link = links.get(name);
    links.delete(name);
    machines.delete(name);
    await link?.close();
  };
  const open = async (row: RunnerRow): Promise<Link> => {
    await close(row.name);
    const ssh = row.address === null ? undefined : sshTo(config, row, directory);
    if (ssh !== undefined) machines.set(row.name, ssh);
    const link = linkTo(options, row, ssh ?? localTo(config, directory));
    links.set(row.name, link);
    for (const listener of listeners) listener(row.name, link);
    return link;
  };
  stack.defer(async () => {
    await Promise.all(Array.from(links.keys(), close));
  });
  if (local) await welcomeLocal(options);
  for (const row of await store.runners()) {
    if (row.kind === "local" && !local) await put(store, row, "offline", NOT_LOCAL);
    else if (row.state !== "untrusted")
      await open(row.problem === FENCED ? await put(store, row, "online") : row);
  }
  return {
    links,
    open,
    close,
    ssh: (name) => machines.get(name),
    onLink(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** This machine is registered by itself; what an operator said of it stays. */
async function welcomeLocal({ config, store }: RosterOptions): Promise<void> {
  const found = (await store.runners()).find(({ name }) => name === LOCAL);
  const state = found === undefined || found.state === "offline" ? "online" : found.state;
  await store.putRunner({ name: LOCAL, kind: "local", state, slots: config.slots, problem: null });
}

/** Changes what it does, and says why. */
export async function put(
  store: Store,
  row: RunnerRow,
  state: RunnerRow["state"],
  problem: string | null = null,
): Promise<RunnerRow> {
  const { name, kind, slots } = row;
  await store.putRunner({ name, kind, slots, state, problem });
  return { ...row, state, problem };
}

export const localTo = ({ workRoot, runtimeDir }: Config, programDir: string): RunnerTransport =>
  openLocal({ name: LOCAL, workRoot, runtimeDir, programDir });

function sshTo({ sshAgent }: Config, row: RunnerRow, programDir: string): SshTransport {
  const { name, address, hostKey } = row;
  if (address === null) throw new TypeError(`runner ${name} has no address`);
  const { workRoot, jumpHostKey, via } = address;
  const shared = {
    name,
    address,
    hostKey,
    workRoot,
    programDir,
    clock: realClock,
    ...(sshAgent === null ? {} : { agentSocket: sshAgent }),
  };
  return via === "ssh" ? openSystemSsh(shared) : openSsh({ ...shared, jumpHostKey });
}

function linkTo(
  { identity: { installation, epoch, generation }, store, log }: RosterOptions,
  row: RunnerRow,
  transport: RunnerTransport,
): Link {
  const { name } = row;
  const aside = (state: RunnerRow["state"], problem: string): void => {
    log.warn({ runner: name, problem }, "runner takes no sessions");
    // The store is away: what is placed there fails, and is tried again.
    put(store, row, state, problem).catch(() => undefined);
  };
  const link: Link = openLink({
    transport: {
      description: transport.description,
      close: () => transport.close(),
      async connect(signal) {
        try {
          return await transport.connect(signal);
        } catch (error) {
          if (error instanceof HostKeyChanged) {
            aside("untrusted", error.message);
            void link.close();
          }
          throw error;
        }
      },
    },
    hello: { installation, epoch, generation, plane: "serve", runner: name },
    clock: realClock,
    outbid: (seen) => store.outbid(seen),
  });
  link.onState((state) => {
    // Nothing more is placed there, and what runs there is the newer one's.
    if (state === "fenced") aside("offline", FENCED);
  });
  return link;
}
