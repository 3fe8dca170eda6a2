/**
 * The record of one attempt on its way in: bytes and journal entries → transcript → findings → inbox.
 *
 * Bytes are redacted by whole lines, appended and synced; then the cursor moves in the transaction that
 * stores what was found up to it. A journal entry with output offset o comes after every whole line that
 * ends at or before o. After a restart the local file is cut back to the cursor and the runner sends the
 * rest again: nothing lost, nothing seen twice.
 */
import type { AgentDriver, Finding } from "../agents/driver.ts";
import type { ObjectiveEvent } from "../domain/event.ts";
import type { JournalLine } from "../protocol/journal.ts";
import type { LiveAttempt, NewItem, Store } from "../store/port.ts";
import type { Stream, Transcript } from "../store/transcripts.ts";
import { eventOfFinding, eventOfJournal } from "./findings.ts";
import { LineCutter } from "./line-cutter.ts";
import type { Clock, RecordSink } from "./ports.ts";

const ACTIVITY_MAX = 200;

export interface RecordOptions {
  readonly live: LiveAttempt;
  readonly driver: AgentDriver;
  readonly transcript: Transcript;
  /** Lines of the transcript up to the cursor: they bring the driver's state up to it. */
  readonly before: Iterable<string>;
  readonly redact: (line: Uint8Array) => Uint8Array;
  readonly store: Store;
  readonly clock: Clock;
  /** The record cannot be written; it goes on from the cursor when the caller opens it again. */
  readonly onFailure: (error: unknown) => void;
}

export interface AttemptRecord extends RecordSink {
  /** Resolves when the end of the attempt (`exited`, `prepare-failed`) has been processed. */
  readonly closed: Promise<void>;
  /** Waits for what is being written, and lets go of the files. */
  close(): Promise<void>;
}

interface Batch {
  readonly lines: Cutting["lines"];
  readonly entries: readonly JournalLine[];
}
type Cutting = ReturnType<LineCutter["feed"]>;

export function openRecord(options: RecordOptions): AttemptRecord {
  const { live, transcript, redact } = options;
  const over = Promise.withResolvers<void>();
  transcript.cut("out", live.cursor.out);
  transcript.cut("err", live.cursor.err);
  const cutters = {
    out: new LineCutter(transcript.length("out"), redact),
    err: new LineCutter(transcript.length("err"), redact),
  };
  const reader = openReader(options);
  let lines: Batch["lines"][number][] = [];
  let entries: JournalLine[] = [];
  let { seq } = live.cursor;
  let work: Promise<void> | null = null;
  let waiting = false;

  const process = async (): Promise<void> => {
    const ready = entries.findIndex(({ outAt }) => outAt > cutters.out.received);
    const batch = { lines, entries: entries.splice(0, ready === -1 ? entries.length : ready) };
    lines = [];
    const closed = batch.entries.some(
      ({ entry }) => entry.kind === "exited" || entry.kind === "prepare-failed",
    );
    if (closed)
      for (const stream of ["out", "err"] as const)
        transcript.append(stream, cutters[stream].end());
    const cursor = {
      out: transcript.length("out"),
      err: transcript.length("err"),
      seq: batch.entries.at(-1)?.seq ?? seq - entries.length,
    };
    await transcript.sync();
    await reader.store(batch, cursor, closed);
    if (closed) over.resolve();
  };

  const schedule = (): void => {
    waiting = true;
    if (work !== null) return;
    waiting = false;
    work = process()
      .catch(options.onFailure)
      .finally(() => {
        work = null;
        if (waiting) schedule();
      });
  };

  return {
    position: () => ({ out: cutters.out.received, err: cutters.err.received, seq }),
    output(stream: Stream, at, bytes) {
      if (at !== cutters[stream].received)
        throw new RangeError(
          `${stream} of ${live.session} came at ${at}, expected ${cutters[stream].received}`,
        );
      const cut = cutters[stream].feed(bytes);
      transcript.append(stream, cut.bytes);
      if (stream === "out") lines.push(...cut.lines);
      schedule();
    },
    journal(line) {
      if (line.seq !== seq + 1)
        throw new RangeError(`journal of ${live.session} came at ${line.seq}, expected ${seq + 1}`);
      seq = line.seq;
      entries.push(line);
      schedule();
    },
    closed: over.promise,
    async close() {
      while (work !== null) await work;
      transcript.close();
    },
  };
}

/** Turns batches into inbox items, and stores them with the cursor. */
function openReader({ live, driver, before, store, clock }: RecordOptions) {
  let state = driver.initial();
  for (const line of before) state = driver.reduce(state, line).state;

  const find = (batch: Batch): { items: NewItem[]; activity: string | null } => {
    const items: NewItem[] = [];
    let activity: string | null = null;
    const enter = (cause: string, event: ObjectiveEvent | null): void => {
      if (event === null) return;
      const key = `${live.session}:${live.attempt}:${cause}`;
      items.push({
        key,
        repository: live.repository,
        subject: { kind: "objective", id: live.objective },
        event,
      });
    };
    const read = ({ text, end }: Batch["lines"][number]): void => {
      const reduced = driver.reduce(state, text);
      state = reduced.state;
      for (const [index, finding] of reduced.findings.entries()) {
        activity = activityOf(finding) ?? activity;
        enter(`out:${end}:${index}`, eventOfFinding(live, finding));
      }
    };
    let next = 0;
    const readTo = (offset: number): void => {
      for (
        let line = batch.lines[next];
        line !== undefined && line.end <= offset;
        line = batch.lines[++next]
      )
        read(line);
    };
    for (const { outAt, seq, entry } of batch.entries) {
      readTo(outAt);
      enter(`journal:${seq}`, eventOfJournal(live, entry));
    }
    readTo(Number.POSITIVE_INFINITY);
    return { items, activity };
  };

  return {
    async store(batch: Batch, cursor: LiveAttempt["cursor"], closed: boolean): Promise<void> {
      const { session, attempt } = live;
      await store.advance({ session, attempt, now: clock.now(), cursor, closed, ...find(batch) });
    },
  };
}

const activityOf = (finding: Finding): string | null =>
  finding.kind === "said" || finding.kind === "did" ? finding.text.slice(0, ACTIVITY_MAX) : null;
