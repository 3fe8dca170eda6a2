/** What runners have on their disks, over their links. */
import { LinkError } from "../fleet/channel.ts";
import type { Link } from "../fleet/link.ts";
import { SnapshotReply, WorkspacesReply, type Examined, type Reply } from "../protocol/requests.ts";

/** One runner's disk. Every method throws when the runner is away or says nonsense. */
export interface WorkspaceShelf {
  readonly name: string;
  /** null = an older program that cannot say. */
  look(examine: readonly Examined[]): Promise<WorkspacesReply | null>;
  snapshot(what: Taking): Promise<Taken>;
  /** Why it was refused; null = it is gone. */
  remove(path: string): Promise<string | null>;
}

export interface Taking {
  readonly session: string;
  readonly path: string;
  readonly base: string;
  readonly known: readonly string[];
  /** The base is to come along. */
  readonly whole: boolean;
  /** An agent may be at work there. Default: then it is refused. */
  readonly live?: boolean;
}

export type Taken =
  | { readonly ok: true; readonly reply: SnapshotReply; readonly bundle: Uint8Array }
  | { readonly ok: false; readonly code: string; readonly reason: string };

/** It looks at every file of up to 16 checkouts. */
const LOOK_MS_MAX = 10 * 60_000;
const SNAPSHOT_MS_MAX = 10 * 60_000;
/** Millions of small files. */
const REMOVE_MS_MAX = 10 * 60_000;

/** Of the runners that are connected now. */
export const connectedShelves = (links: ReadonlyMap<string, Link>): readonly WorkspaceShelf[] =>
  [...links].flatMap(([name, link]) =>
    link.state === "connected" ? [workspaceShelf(name, link)] : [],
  );

export const workspaceShelf = (name: string, link: Pick<Link, "request">): WorkspaceShelf => ({
  name,
  async look(examine) {
    const { reply } = await link.request(
      { op: "workspaces", examine: [...examine] },
      { timeoutMs: LOOK_MS_MAX },
    );
    if (!reply.ok && reply.code === "not-implemented") return null;
    return WorkspacesReply.parse(valueOf(reply));
  },
  async snapshot({ known, ...what }) {
    const { reply, attachment } = await link.request(
      { op: "snapshot", ...what, known: [...known] },
      { timeoutMs: SNAPSHOT_MS_MAX },
    );
    if (!reply.ok) return { ok: false, code: reply.code, reason: reply.reason };
    return { ok: true, reply: SnapshotReply.parse(reply.value), bundle: attachment };
  },
  async remove(path) {
    const request = { op: "remove-workspace", path } as const;
    const { reply } = await link.request(request, { timeoutMs: REMOVE_MS_MAX });
    return reply.ok || reply.code === "gone" ? null : `${reply.code}: ${reply.reason}`;
  },
});

function valueOf(reply: Reply): unknown {
  if (reply.ok) return reply.value;
  throw new LinkError("lost", `${reply.code}: ${reply.reason}`);
}
