/**
 * Where everything is. Under the work root (0700, kept):
 *
 *     daemon.lock, plane.json
 *     mirrors/<owner>__<repo>.git
 *     sessions/<session>/<attempt>/{in,out,err,journal.ndjson,exit,spec.json,…}
 *     sessions/<session>/state/             the agent's own state, survives attempts
 *     sessions/<session>/base-<n>           the commit the checkout n started from
 *     <owner>__<repo>/<session>/<n>         checkouts, by the path in the spec
 *     scratch/, trash/                      of one request; emptied when a daemon starts
 *
 * In the runtime directory (0700, gone after a reboot): `runner.sock`, `daemon.pid`, `daemon.log`, one
 * `t-<hash>.sock` per attempt.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** The kernel's limit for socket paths (108 with the terminating zero). */
const SOCKET_PATH_BYTES_MAX = 107;
/** Names in the work root that no checkout may use. */
const RESERVED = new Set([
  "sessions",
  "mirrors",
  "scratch",
  "trash",
  "daemon.lock",
  "plane.json",
  "daemon.log",
]);

export interface Layout {
  readonly workRoot: string;
  readonly runtimeDir: string;
  readonly controlSocket: string;
  /** Who listens there, as text. */
  readonly daemonPid: string;
  readonly sessions: string;
  /** Repositories that look at checkouts. */
  readonly scratch: string;
  /** What is being deleted. */
  readonly trash: string;
  attempt(session: string, attempt: number): string;
  state(session: string): string;
  toolSocket(session: string, attempt: number): string;
  /** A path of a spec; throws RangeError for names the daemon uses itself. */
  below(relative: string): string;
}

/** Throws RangeError when the runtime directory is too long for a socket path. */
export function layoutOf(options: {
  readonly workRoot: string;
  readonly runtimeDir: string;
}): Layout {
  const workRoot = resolve(options.workRoot);
  const runtimeDir = resolve(options.runtimeDir);
  const sessions = join(workRoot, "sessions");
  const toolSocket = (session: string, attempt: number): string =>
    socketPath(runtimeDir, `t-${hash(`${workRoot}\n${session}\n${attempt}`)}.sock`);
  // The longest name there will be: better no daemon than one whose first tool fails.
  toolSocket("", 0);
  return {
    workRoot,
    runtimeDir,
    controlSocket: socketPath(runtimeDir, "runner.sock"),
    daemonPid: join(runtimeDir, "daemon.pid"),
    sessions,
    scratch: join(workRoot, "scratch"),
    trash: join(workRoot, "trash"),
    attempt: (session, attempt) => join(sessions, session, String(attempt)),
    state: (session) => join(sessions, session, "state"),
    toolSocket,
    below(relative) {
      const first = relative.split("/", 1)[0] ?? "";
      if (RESERVED.has(first))
        throw new RangeError(`${first} in the work root is the runner's own`);
      return join(workRoot, relative);
    },
  };
}

function socketPath(directory: string, name: string): string {
  const path = join(directory, name);
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX)
    throw new RangeError(
      `socket path ${path} has ${bytes} bytes, the system allows ${SOCKET_PATH_BYTES_MAX}: use a shorter runtime directory`,
    );
  return path;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** `<owner>__<repo>/<session>/<n>` of each checkout; links are none. */
export function checkoutsIn(workRoot: string): string[] {
  const directories = (path: string): string[] =>
    lstatSync(join(workRoot, path), { throwIfNoEntry: false })?.isDirectory() === true
      ? readdirSync(join(workRoot, path), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => join(path, entry.name))
      : [];
  return directories(".")
    .filter((name) => name.includes("__"))
    .flatMap(directories)
    .flatMap(directories);
}
