/**
 * The daemon: one per runner user. Holds no truth of its own, so it may be killed and started again at any
 * moment; agents run on in their keepers, and everything is taken up from the files.
 */
import { renameSync, rmSync, statSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type HelloReply, PROTOCOL_VERSION, type Request } from "../../src/protocol/requests.ts";
import type { Attempt } from "./attempt.ts";
import { type Attempts, openAttempts } from "./attempts.ts";
import { type Connection, serveConnection } from "./connection.ts";
import { gitVersion } from "./doctor/system.ts";
import { RequestError } from "./errors.ts";
import { makeDirectory, writeAtomic } from "./files.ts";
import { nameHolder, otherHolder, takeLock } from "./instance-lock.ts";
import { layoutOf } from "./layout.ts";
import { openMirrors } from "./mirror.ts";
import { type PlaneRecord, openPlane } from "./plane.ts";
import { bootId } from "./processes.ts";
import type { Service } from "./service.ts";
import { openWorkspaces } from "./workspaces.ts";

/** Watches tell of most changes at once; this finds the rest (a keeper that was killed tells nobody). */
const LOOK_MS = 1000;
/** A control plane has one connection, two while it is replaced, and people have tools. */
const CONNECTIONS_MAX = 32;

export interface DaemonOptions {
  readonly workRoot: string;
  readonly runtimeDir: string;
  readonly idleExitMs: number;
  /** Agents whose control plane has not been heard of for this long are stopped. */
  readonly orphanAfterMs: number;
  /** Directory of the runner program's files. */
  readonly program: string;
  readonly version: string;
  readonly log: (message: string) => void;
}

/** Resolves when the daemon has ended: `taken` = another one was there already. */
export async function runDaemon(options: DaemonOptions): Promise<"idle" | "taken"> {
  const layout = layoutOf(options);
  makeDirectory(layout.workRoot);
  makeDirectory(layout.runtimeDir);
  const lockFile = join(layout.workRoot, "daemon.lock");
  const lock = await takeLock([lockFile, join(layout.runtimeDir, "daemon.lock")]);
  if (lock === null) {
    const other = await otherHolder(lockFile, layout.runtimeDir);
    if (other === undefined) return "taken";
    throw new Error(
      `the work root ${layout.workRoot} is in use by another runner (runtime directory ${other.runtimeDir}, process ${other.pid}): give each runner a work root of its own`,
    );
  }
  nameHolder(lockFile, layout.runtimeDir);

  const { log } = options;
  const context = {
    layout,
    mirrors: openMirrors({ workRoot: layout.workRoot, log }),
    program: options.program,
    log,
  };
  const attempts = openAttempts(context);
  const connections = new Set<Connection>();
  const inUse = (): boolean =>
    attempts.all().length > 0 || [...connections].some(({ epoch }) => epoch !== undefined);
  const plane = openPlane(layout.workRoot, inUse);
  const git = await gitVersion(layout.workRoot);
  const workspaces = openWorkspaces({ layout, attempts, log });
  const service: Service = {
    layout,
    attempts,
    workspaces,
    log,
    attached: countStreams(),
    hello(request) {
      const reply = greet({ plane, attempts, request, git, version: options.version });
      // Whoever was greeted with less has nothing to say here any more.
      for (const other of connections)
        if (other.epoch !== undefined && other.epoch < request.epoch) other.close();
      return reply;
    },
  };
  for (const attempt of attempts.all())
    attempt.recover().catch((error: unknown) => {
      log(`recovery of ${attempt.session}/${attempt.number} failed: ${String(error)}`);
    });

  const server = createServer((socket) => accept(socket, service, connections));
  writeAtomic(layout.daemonPid, `${process.pid}\n`);
  const reachable = await listen(server, layout.controlSocket);
  log(`ready on ${layout.controlSocket}`);
  await idle({ attempts, connections, reachable, options });
  if (reachable()) rmSync(layout.controlSocket, { force: true });
  server.close();
  for (const attempt of attempts.all()) await attempt.close();
  lock.release();
  return "idle";
}

function accept(socket: Socket, service: Service, connections: Set<Connection>): void {
  socket.on("error", () => socket.destroy());
  if (connections.size >= CONNECTIONS_MAX) {
    socket.destroy();
    return;
  }
  const connection = serveConnection(socket, service);
  connections.add(connection);
  socket.on("close", () => connections.delete(connection));
}

/**
 * Under a name of its own first: whoever sees the socket can connect to it. Returns whether it is still there:
 * a daemon whose socket was deleted can be reached by nobody, and must make room for one that can.
 */
async function listen(server: Server, path: string): Promise<() => boolean> {
  const temporary = `${path.slice(0, -".sock".length)}.new`;
  rmSync(temporary, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(temporary, resolve);
  });
  renameSync(temporary, path);
  const { ino } = statSync(path);
  return () => statSync(path, { throwIfNoEntry: false })?.ino === ino;
}

interface Greeting {
  readonly plane: PlaneRecord;
  readonly attempts: Attempts;
  readonly request: Extract<Request, { op: "hello" }>;
  readonly git: string;
  readonly version: string;
}

function greet({ plane, attempts, request, git, version }: Greeting): HelloReply {
  const { min, max } = request.protocol;
  if (min > PROTOCOL_VERSION || max < PROTOCOL_VERSION)
    throw new RequestError(
      "version",
      `this runner speaks protocol ${PROTOCOL_VERSION}, the control plane ${min} to ${max}: update the older one`,
    );
  plane.greet(request);
  return {
    protocol: PROTOCOL_VERSION,
    capabilities: ["checkout", "tools", "export", "doctor", "workspaces", "snapshot", "look"],
    epoch: plane.epoch,
    runner: {
      bootId: bootId(),
      pid: process.pid,
      user: userInfo().username,
      node: process.versions.node,
      git,
      program: version,
    },
    attempts: attempts.list(),
  };
}

function countStreams(): Service["attached"] {
  const streams = new Map<Attempt, number>();
  return (attempt, by) => {
    const count = (streams.get(attempt) ?? 0) + by;
    if (count === 0) streams.delete(attempt);
    else streams.set(attempt, count);
    attempt.calls.setAttached(count > 0);
  };
}

/** Agents that nobody listens to are asked to end before they are made to. */
const ORPHAN_GRACE_MS = 30_000;

/** Resolves after `idleExitMs` without connections and without anything running, or when nobody can reach us. Looks after attempts meanwhile. */
function idle({
  attempts,
  connections,
  reachable,
  options: { idleExitMs, orphanAfterMs, log },
}: {
  readonly attempts: Attempts;
  readonly connections: ReadonlySet<Connection>;
  readonly reachable: () => boolean;
  readonly options: DaemonOptions;
}): Promise<void> {
  return new Promise((resolve) => {
    let busyAt = performance.now();
    let contactAt = performance.now();
    const look = (): void => {
      const now = performance.now();
      if (connections.size > 0) contactAt = now;
      for (const attempt of attempts.all().filter(({ running }) => running)) {
        attempt.changed();
        attempt.checkLater();
        if (now - contactAt < orphanAfterMs || attempt.stopRequested) continue;
        log(
          `stopping ${attempt.session}/${attempt.number}: no control plane for ${orphanAfterMs} ms`,
        );
        attempt.stop(ORPHAN_GRACE_MS).catch((error: unknown) => log(String(error)));
      }
      if (connections.size > 0 || attempts.all().some(({ busy }) => busy)) busyAt = now;
      const unreachable = connections.size === 0 && !reachable();
      if (now - busyAt < idleExitMs && !unreachable) return;
      clearInterval(timer);
      resolve();
    };
    const timer = setInterval(look, Math.min(LOOK_MS, idleExitMs, orphanAfterMs));
  });
}
