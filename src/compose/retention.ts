/** Retention over real transcripts and links. */
import { rewind } from "../engine/rewind.ts";
import type { Link } from "../fleet/link.ts";
import type { KeptTranscripts, RunnerShelf } from "../ops/retention.ts";
import { ListReply, type Reply } from "../protocol/requests.ts";
import type { TranscriptFiles } from "../store/transcripts.ts";

export const keptTranscripts = (transcripts: TranscriptFiles): KeptTranscripts => ({
  sessions: () => transcripts.sessions(),
  remove: (session) => transcripts.remove(session),
  isWhole(session, attempt, cursor) {
    const { out, err } = rewind(transcripts, { session, attempt }, cursor);
    return out === cursor.out && err === cursor.err;
  },
});

/** A daemon answers these from its disk. */
const REQUEST_MS_MAX = 30_000;
const limits = { timeoutMs: REQUEST_MS_MAX };

/** Of the runners that are connected now. */
export const shelvesOf = (links: ReadonlyMap<string, Link>): readonly RunnerShelf[] =>
  [...links].flatMap(([name, link]) => (link.state === "connected" ? [shelfOf(name, link)] : []));

export const shelfOf = (name: string, link: Pick<Link, "request">): RunnerShelf => ({
  name,
  async list() {
    const { reply } = await link.request({ op: "list" }, limits);
    if (!reply.ok) throw new TypeError(`${reply.code}: ${reply.reason}`);
    return ListReply.parse(reply.value);
  },
  async purge(session, attempt) {
    return isDone(await link.request({ op: "purge", session, attempt }, limits));
  },
  async removeWorkspace(path) {
    return isDone(await link.request({ op: "remove-workspace", path }, limits));
  },
});

/** What is refused (it is in use, or the runner is an older program) stays where it is. */
const isDone = ({ reply }: { readonly reply: Reply }): boolean => reply.ok;
