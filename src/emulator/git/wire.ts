/**
 * Fetch and push in this process, for repositories in memory: the same credentials, permissions, locks and events as
 * over HTTP (`http.ts`), objects handed over as they are.
 */
import { movable } from "../act/pulls.ts";
import { syncRefs } from "../act/refs.ts";
import { authenticate } from "../auth.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Repository } from "../model.ts";
import { admit } from "./admit.ts";
import { isAncestorIn, reachable, takeHistory } from "./ancestry.ts";
import { compareMaps } from "./compare.ts";
import { commitOf, filesOf, type Objects } from "./objects.ts";
import { inMemory, type MemoryRepository } from "./memory.ts";

export interface Wire {
  readonly repository: Repository;
  /** What `ls-remote` shows. */
  readonly refs: ReadonlyMap<string, string>;
  readonly objects: Objects;
  /** Whether a commit may be asked for by its id: also one that no ref leads to any more. */
  has(sha: string): boolean;
  push(update: RefUpdate): Promise<PushResult>;
}

export interface RefUpdate {
  readonly ref: string;
  readonly sha: string;
  /** Where the ref must be; null = nowhere. */
  readonly expected: string | null;
  /** Where the new commits are. */
  readonly objects: Objects;
}

export type PushResult =
  | {
      readonly ok: true;
      readonly before: string | null;
      /** Commits that the ref had are not on it any more. */
      readonly forced: boolean;
    }
  | { readonly ok: false; readonly reason: "stale" }
  | { readonly ok: false; readonly reason: "workflow"; readonly path: string };

/** Connects to `HUB/owner/name.git`. @throws Problem 401, 403 or 404 */
export function openWire(
  hub: Hub,
  url: string,
  access: { readonly token: string | undefined; readonly writes: boolean },
): Wire {
  const { origin, pathname } = new URL(url);
  if (origin !== new URL(hub.url).origin) throw new Error(`${origin} is not this emulator`);
  const name = pathname.slice(1).replace(/\.git$/u, "");
  const { token } = access;
  const basic = Buffer.from(`x-access-token:${token ?? ""}`).toString("base64");
  const actor = authenticate(hub, token === undefined ? undefined : `Basic ${basic}`);
  const repository = admit(hub, actor, name, access.writes);
  const git = inMemory(repository.git);
  return {
    repository,
    refs: git.refs,
    objects: git.objects,
    has: (sha) => git.published(sha),
    push: (update) =>
      git.exclusive(async () => {
        const result = receive(git, actor, update);
        if (result.ok) {
          await git.setRef(update.ref, update.sha);
          await syncRefs(hub, repository, movable(actor));
        }
        return result;
      }),
  };
}

/** Takes the objects and decides; moves nothing yet. */
function receive(git: MemoryRepository, actor: Actor, update: RefUpdate): PushResult {
  const { ref, sha, expected, objects } = update;
  const before = git.refs.get(ref) ?? null;
  if (before !== expected) return { ok: false, reason: "stale" };
  if (!takeHistory(git.objects, objects, sha)) throw new Error(`the pusher has no commit ${sha}`);
  const workflow = mayWriteWorkflows(actor) ? undefined : changedWorkflow(git, before, sha);
  if (workflow !== undefined) return { ok: false, reason: "workflow", path: workflow };
  return { ok: true, before, forced: before !== null && !isAncestorIn(git.objects, before, sha) };
}

function mayWriteWorkflows(actor: Actor): boolean {
  return actor.kind !== "installation" || actor.token.permissions["workflows"] === "write";
}

/** A workflow file that the push changes: against what was there, or in any commit that is new. */
function changedWorkflow(
  { objects, refs }: MemoryRepository,
  before: string | null,
  after: string,
): string | undefined {
  const known = reachable(objects, [...refs.values()]);
  const fresh = [...reachable(objects, [after])].filter((sha) => !known.has(sha));
  const pairs =
    before === null
      ? fresh.map((sha) => [commitOf(objects, sha).parents[0], sha] as const)
      : [[before, after] as const];
  for (const [from, to] of pairs) {
    const old = from === undefined ? new Map<string, never>() : filesOf(objects, from);
    const found = compareMaps(old, filesOf(objects, to)).find(({ path }) =>
      path.startsWith(".github/workflows/"),
    );
    if (found !== undefined) return found.path;
  }
  return undefined;
}
