/**
 * The journal of one attempt on disk. Append-only; an entry is synced before anybody is told of it.
 * In memory only what the daemon decides by; entries are read from the file when they are sent.
 */
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { type JournalEntry, JournalLine } from "../../src/protocol/journal.ts";
import { unreachable } from "../../src/lib/unreachable.ts";
import { readRange } from "./files.ts";

interface Position {
  readonly outAt: number;
  readonly offset: number;
  readonly bytes: number;
}

type EntryOf<K> = Extract<JournalEntry, { kind: K }>;

/** The latest entry of each kind that the daemon decides by. */
interface Last {
  prepared?: EntryOf<"prepared">;
  prepareFailed?: EntryOf<"prepare-failed">;
  spawned?: EntryOf<"spawned">;
  input?: EntryOf<"input-stored">;
  exited?: EntryOf<"exited">;
}

export class JournalFile {
  readonly #path: string;
  readonly #positions: Position[] = [];
  readonly #last: Last = {};
  readonly #inputs = new Set<string>();
  readonly #calls = new Map<string, "open" | "result" | "parked">();
  #bytes = 0;

  /** Reads what is there; a last line torn by a crash is cut off. */
  constructor(path: string) {
    this.#path = path;
    if (!existsSync(path)) return;
    const content = readFileSync(path);
    const whole = content.lastIndexOf(0x0a) + 1;
    if (whole < content.byteLength) truncateSync(path, whole);
    let offset = 0;
    while (offset < whole) {
      const end = content.indexOf(0x0a, offset) + 1;
      const line = JournalLine.parse(JSON.parse(content.toString("utf8", offset, end)));
      this.#note(line, end - offset);
      offset = end;
    }
  }

  /** Number of entries = `seq` of the last one. */
  get seq(): number {
    return this.#positions.length;
  }
  get finished(): boolean {
    return this.#last.exited !== undefined || this.#last.prepareFailed !== undefined;
  }
  /** Ids of the lines stored so far. */
  get inputs(): ReadonlySet<string> {
    return this.#inputs;
  }
  /** Calls and what came of them. */
  get calls(): ReadonlyMap<string, "open" | "result" | "parked"> {
    return this.#calls;
  }
  get last(): Readonly<Last> {
    return this.#last;
  }
  outAt(seq: number): number | undefined {
    return this.#positions[seq - 1]?.outAt;
  }

  /** The stored bytes of one entry, without the newline. */
  read(seq: number): Buffer {
    const position = this.#positions[seq - 1];
    if (position === undefined) throw new RangeError(`journal has no entry ${seq}`);
    return readRange(this.#path, position.offset, position.bytes - 1);
  }

  /** Throws what the file system throws; then nothing was appended. */
  append(entry: JournalEntry, outAt: number): void {
    const line: JournalLine = { seq: this.seq + 1, outAt, at: Date.now(), entry };
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      appendFileSync(this.#path, bytes, { mode: 0o600, flush: true });
    } catch (error) {
      // A full disk may have taken half of the line.
      if (existsSync(this.#path)) truncateSync(this.#path, this.#bytes);
      throw error;
    }
    this.#note(line, bytes.byteLength);
  }

  #note({ entry, outAt }: JournalLine, bytes: number): void {
    this.#positions.push({ outAt, offset: this.#bytes, bytes });
    this.#bytes += bytes;
    switch (entry.kind) {
      case "prepared":
        this.#last.prepared = entry;
        break;
      case "prepare-failed":
        this.#last.prepareFailed = entry;
        break;
      case "spawned":
        this.#last.spawned = entry;
        break;
      case "input-stored":
        this.#last.input = entry;
        this.#inputs.add(entry.id);
        break;
      // Arguments may be large and nobody here asks for them again.
      case "tool-called":
        this.#calls.set(entry.call, "open");
        break;
      case "tool-answered":
        this.#calls.set(entry.call, entry.outcome);
        break;
      case "exited":
        this.#last.exited = entry;
        break;
      case "setup-ran":
        break;
      default:
        unreachable(entry);
    }
  }
}
