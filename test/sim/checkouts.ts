/** Checkouts on a modelled runner: a path, the commit it started from, the commit it is at. Objects are shared. */
import type { MemoryRepository } from "../../src/emulator/git/memory.ts";
import type { WorkspaceSpec } from "../../src/protocol/requests.ts";
import type { Sim } from "./sim.ts";
import { makeBundle } from "./git/bundle.ts";
import type { SimGitHub } from "./github.ts";
import { Refusal } from "./runner/refusal.ts";

export interface Checkouts {
  make(
    spec: WorkspaceSpec | undefined,
  ):
    | { readonly ok: true; readonly path: string; readonly base: string; readonly head: string }
    | { readonly ok: false; readonly stage: "workspace" | "fetch"; readonly reason: string };
  commit(path: string, file: string, text: string): void;
  /** Throws Refusal. */
  export(path: string, base: string): { readonly value: unknown; readonly attachment: Uint8Array };
  remove(path: string): void;
  clear(): void;
}

interface Checkout {
  readonly repository: MemoryRepository;
  readonly base: string;
  head: string;
}

export function openCheckouts(sim: Sim, github: Pick<SimGitHub, "hub">): Checkouts {
  const checkouts = new Map<string, Checkout>();
  const at = (path: string): Checkout => {
    const found = checkouts.get(path);
    if (found === undefined) throw new Refusal("gone", `there is no checkout at ${path}`);
    return found;
  };
  return {
    make(spec) {
      if (spec === undefined) return { ok: false, stage: "fetch", reason: "nothing to check out" };
      const { path } = spec;
      if (spec.kind === "reuse") {
        const known = checkouts.get(path);
        if (known === undefined)
          return { ok: false, stage: "workspace", reason: `there is no checkout at ${path}` };
        return { ok: true, path, base: spec.base, head: known.head };
      }
      const repository = repositoryAt(github, spec.url);
      const head = repository?.refs.get(`refs/heads/${spec.from}`);
      if (repository === undefined || head === undefined)
        return { ok: false, stage: "fetch", reason: `upstream has no branch ${spec.from}` };
      checkouts.set(path, { repository, base: head, head });
      return { ok: true, path, base: head, head };
    },
    commit(path, file, text) {
      const checkout = at(path);
      const { objects } = checkout.repository;
      const files = new Map(objects.tree(objects.commit(checkout.head)?.tree ?? "") ?? []);
      files.set(file, { mode: "100644", sha: objects.addBlob(text) });
      const author = { name: "agent", email: "agent@localhost", atMs: sim.time.now() };
      const tree = objects.addTree(files);
      const parents = [checkout.head];
      checkout.head = objects.addCommit({
        tree,
        parents,
        author,
        committer: author,
        message: `${file}\n`,
      });
    },
    export(path, base) {
      const { repository, head } = at(path);
      if (head === base) throw new Refusal("nothing-committed", `nothing committed since ${base}`);
      const attachment = makeBundle(repository, base, head);
      return { value: { head, base, commits: 1, bytes: attachment.byteLength }, attachment };
    },
    remove: (path) => void checkouts.delete(path),
    clear: () => checkouts.clear(),
  };
}

function repositoryAt({ hub }: Pick<SimGitHub, "hub">, url: string): MemoryRepository | undefined {
  const name = new URL(url).pathname.replace(/^\/|\.git$/gu, "").toLowerCase();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- in this process git is in memory
  return hub.hub.repositories.get(name)?.git as MemoryRepository | undefined;
}
