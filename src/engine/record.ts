/**
 * The record of one attempt on its way in: bytes and journal entries → transcript → findings → inbox.
 *
 * Bytes are redacted by whole lines, appended and synced; then the cursor moves in the transaction that
 * stores what was found up to it. A journal entry with output offset o comes after every whole line that
 * ends at or before o. After a restart the local file is cut back to the cursor and the runner sends the
 * rest again: nothing lost, nothing seen twice.
 */
import type { AgentDriver } from "../agents/driver.ts";
import type { JournalLine } from "../protocol/journal.ts";
import type { Cursor, LiveAttempt, Store } from "../store/port.ts";
import type { Stream, Transcript } from "../store/transcripts.ts";
import { LineCutter, type Cut } from "./line-cutter.ts";
import { Findings, type Batch } from "./findings.ts";
import type { Clock, RecordSink } from "./ports.ts";

export interface RecordOptions {
  readonly live: LiveAttempt;
  readonly driver: AgentDriver;
  readonly transcript: Transcript;
  /** Lines of the transcript up to the cursor: they bring the driver's state up to it. */
  readonly before: Iterable<string>;
  readonly redact: (line: Uint8Array) => Uint8Array;
  readonly store: Store;
  readonly clock: Clock;
  /**
   * How it ended: `closed` = the end of the attempt has been processed; `unknown`, `behind` = the runner cannot go
   * on; an Error = it could not be written, and goes on from the cursor when it is opened again.
   */
  readonly onEnd: (how: "closed" | "unknown" | "behind" | Error) => void;
}

const isEnd = ({ entry }: JournalLine): boolean =>
  entry.kind === "exited" || entry.kind === "prepare-failed";

export class AttemptRecord implements RecordSink {
  readonly #options: RecordOptions;
  readonly #cutters: Readonly<Record<Stream, LineCutter>>;
  readonly #findings: Findings;
  #lines: Cut["lines"][number][] = [];
  #entries: JournalLine[] = [];
  #seq: number;
  #work: Promise<void> | null = null;
  #more = false;
  #over = false;

  constructor(options: RecordOptions) {
    const { live, driver, transcript, redact, before } = options;
    this.#options = options;
    transcript.cut("out", live.cursor.out);
    transcript.cut("err", live.cursor.err);
    this.#cutters = {
      out: new LineCutter(transcript.length("out"), redact),
      err: new LineCutter(transcript.length("err"), redact),
    };
    this.#findings = new Findings(live, driver, before);
    this.#seq = live.cursor.seq;
  }

  position(): Cursor {
    return { out: this.#cutters.out.received, err: this.#cutters.err.received, seq: this.#seq };
  }

  output(stream: Stream, at: number, bytes: Uint8Array): void {
    this.#guard(() => {
      const { received } = this.#cutters[stream];
      if (at !== received) throw new RangeError(`${stream} came at ${at}, expected ${received}`);
      const cut = this.#cutters[stream].feed(bytes);
      this.#options.transcript.append(stream, cut.bytes);
      if (stream === "out") this.#lines.push(...cut.lines);
    });
  }

  journal(line: JournalLine): void {
    this.#guard(() => {
      if (line.seq !== this.#seq + 1)
        throw new RangeError(`entry ${line.seq} came after ${this.#seq}`);
      this.#seq = line.seq;
      this.#entries.push(this.#redacted(line));
    });
  }

  refused(answer: "unknown" | "behind"): void {
    this.#end(answer);
  }

  /** Waits for what is being written, and lets go of the files. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#work;
    this.#options.transcript.close();
  }

  /** Arguments of calls are the agent's words as much as its output. Redaction keeps JSON valid. */
  #redacted(line: JournalLine): JournalLine {
    if (line.entry.kind !== "tool-called") return line;
    const bytes = this.#options.redact(Buffer.from(JSON.stringify(line.entry.arguments ?? null)));
    const redacted: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return { ...line, entry: { ...line.entry, arguments: redacted } };
  }

  #guard(take: () => void): void {
    if (this.#over) return;
    try {
      take();
      this.#schedule();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error("unknown failure", { cause: error }));
    }
  }

  #end(how: Parameters<RecordOptions["onEnd"]>[0]): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onEnd(how);
  }

  /** One batch at a time; what comes meanwhile is the next batch. */
  #schedule(): void {
    this.#more = true;
    this.#work ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#more) {
        this.#more = false;
        if (await this.#store()) this.#end("closed");
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error("unknown failure", { cause: error }));
    }
    this.#work = null;
  }

  /** True = that was the end. */
  async #store(): Promise<boolean> {
    const { live, transcript, store, clock } = this.#options;
    const { batch, cursor } = this.#batch();
    await transcript.sync();
    const closed = batch.entries.some(isEnd);
    const found = this.#findings.read(batch);
    await store.advance({
      session: live.session,
      attempt: live.attempt,
      now: clock.now(),
      cursor,
      closed,
      ...found,
    });
    return closed;
  }

  /** Everything here that may be processed: entries whose output has arrived. */
  #batch(): { readonly batch: Batch; readonly cursor: Cursor } {
    const { transcript } = this.#options;
    const early = this.#entries.findIndex(({ outAt }) => outAt > this.#cutters.out.received);
    const entries = this.#entries.splice(0, early === -1 ? this.#entries.length : early);
    const lines = this.#lines;
    this.#lines = [];
    if (entries.some(isEnd))
      for (const stream of ["out", "err"] as const)
        transcript.append(stream, this.#cutters[stream].end());
    const seq = this.#seq - this.#entries.length;
    return {
      batch: { lines, entries },
      cursor: { out: transcript.length("out"), err: transcript.length("err"), seq },
    };
  }
}
