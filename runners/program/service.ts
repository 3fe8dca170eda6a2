/** What each request does. Knows nothing of frames and sockets. */
import { lstatSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { HelloReply, Request } from "../../src/protocol/requests.ts";
import { unreachable } from "../../src/lib/unreachable.ts";
import type { Attempt } from "./attempt.ts";
import type { Attempts } from "./attempts.ts";
import { examine } from "./doctor.ts";
import { RequestError } from "./errors.ts";
import { exportBundle } from "./export.ts";
import type { Layout } from "./layout.ts";
import { look, type Place } from "./look.ts";
import { removeUnused, shortName } from "./mirror-repair.ts";
import { snapshotOf } from "./snapshot.ts";
import { statusOf } from "./status.ts";
import type { Position } from "./stream.ts";
import type { Workspaces } from "./workspaces.ts";

export interface Service {
  readonly layout: Layout;
  readonly attempts: Attempts;
  readonly workspaces: Workspaces;
  hello(request: Extract<Request, { op: "hello" }>): HelloReply;
  /** Counts the streams of an attempt, over all connections. */
  attached(attempt: Attempt, by: 1 | -1): void;
  readonly log: (message: string) => void;
}

export interface Answer {
  readonly value: unknown;
  readonly attachment?: Uint8Array;
  /** Done when the reply is on its way. */
  readonly after?: () => void;
}

/** Throws RequestError. `attach` starts streaming over the connection the request came from. */
export async function perform(
  service: Service,
  request: Exclude<Request, { op: "hello" | "detach" }>,
  attach: (attempt: Attempt, from: Position) => void,
): Promise<Answer> {
  const { attempts, layout } = service;
  switch (request.op) {
    case "start": {
      const { spec, credential } = request;
      const attempt = attempts.forStart(spec.session, spec.attempt);
      await attempt.start(checkPaths(layout, spec), credential);
      return { value: { running: attempt.running } };
    }
    case "attach": {
      const attempt = attempts.get(request.session, request.attempt);
      checkPosition(attempt, request);
      return { value: null, after: () => attach(attempt, request) };
    }
    case "input":
      await attempts.get(request.session, request.attempt).input(request.input);
      return { value: null };
    case "end-input":
      await attempts.get(request.session, request.attempt).endInput();
      return { value: null };
    case "stop":
      await attempts.forStop(request.session, request.attempt)?.stop(request.graceMs);
      return { value: null };
    case "answer": {
      const { session, attempt, call, outcome, isError, content } = request;
      const calls = attempts.get(session, attempt).calls;
      return { value: { won: calls.answer(call, outcome, { isError, content }) } };
    }
    case "export": {
      const path = checkout(layout, request.path);
      const { reply, bundle } = await exportBundle({ path, home: homeOf(layout) }, request.base);
      return { value: reply, attachment: bundle };
    }
    case "remove-workspace":
      refuseBusy(attempts, request.path);
      await service.workspaces.remove(pathOf(layout, request.path));
      for (const path of removeUnused(layout.workRoot))
        service.log(`removed ${shortName(path)}: no checkout borrows from it any more`);
      return { value: null };
    case "purge":
      await attempts.purge(request.session, request.attempt);
      return { value: null };
    case "doctor":
      return { value: { checks: await examine(layout, request) } };
    case "list":
      return { value: { attempts: attempts.list(), workspaces: service.workspaces.list() } };
    case "workspaces":
      return { value: await service.workspaces.look(request.examine ?? []) };
    case "snapshot": {
      const { path, base, known = [], whole = false, live = false } = request;
      if (!live) refuseBusy(attempts, path);
      const at = { path: checkout(layout, path), scratch: layout.scratch, home: homeOf(layout) };
      const { reply, bundle } = await snapshotOf(at, { base, known, whole });
      return { value: reply, attachment: bundle };
    }
    case "status":
      return { value: await statusOf(layout) };
    case "look":
      return { value: await look(placeOf(service, request), layout, request) };
    default:
      return unreachable(request);
  }
}

const homeOf = ({ sessions }: Layout): string => join(sessions, "home");

/** A checkout, and whether an agent is at work there. */
const placeOf = (
  { layout, attempts }: Service,
  { session, path }: { readonly session: string; readonly path: string },
): Place => ({
  path: checkout(layout, path),
  home: homeOf(layout),
  scratch: layout.scratch,
  running: attempts.all().some((attempt) => attempt.session === session && attempt.running),
});

function checkPosition(attempt: Attempt, at: Position): void {
  const { out, err } = attempt.sizes();
  const { seq } = attempt.journal;
  if (at.out <= out && at.err <= err && at.seq <= seq) return;
  throw new RequestError(
    "behind",
    `asked from out ${at.out}, err ${at.err}, seq ${at.seq}; this runner has out ${out}, err ${err}, seq ${seq}`,
  );
}

function checkPaths<T extends { readonly workspace: { readonly path: string } }>(
  layout: Layout,
  spec: T,
): T {
  checkout(layout, spec.workspace.path, { mayBeNew: true });
  return spec;
}

function refuseBusy(attempts: Attempts, path: string): void {
  const user = attempts.all().find((attempt) => attempt.busy && attempt.workspace === path);
  if (user === undefined) return;
  const who = `attempt ${user.number} of ${user.session}`;
  throw new RequestError("busy", `${who} works in ${path}`);
}

/** The absolute path of a checkout. Throws RequestError when it is not one or leads out of the work root. */
function checkout(layout: Layout, relative: string, { mayBeNew = false } = {}): string {
  const path = pathOf(layout, relative);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    if (mayBeNew) return path;
    throw new RequestError("gone", `there is no checkout at ${path}`);
  }
  if (!realpathSync(path).startsWith(`${realpathSync(layout.workRoot)}/`))
    throw new RequestError("invalid", `${path} leads out of the work root`);
  return path;
}

function pathOf(layout: Layout, relative: string): string {
  try {
    return layout.below(relative);
  } catch (cause) {
    throw new RequestError("invalid", String(cause), { cause });
  }
}
