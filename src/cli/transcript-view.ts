/** A transcript in readable lines, as it grows. What agents print never reaches a terminal with its control characters. */
import process from "node:process";
import { describe } from "../agents/describe.ts";
import type { AgentDriver } from "../agents/driver.ts";
import type { Catalog } from "../agents/catalog.ts";
import { agentAt, type Session } from "../domain/objective.ts";
import type { Transcripts } from "../store/transcripts.ts";
import { harmless } from "../lib/harmless.ts";

interface How {
  /** The agent's own lines instead of what its driver makes of them. */
  readonly raw: boolean;
  readonly print: (line: string) => void;
}

const PART_BYTES = 256 * 1024;

/** How far each attempt has been shown. */
export class Shown {
  readonly #transcripts: Transcripts;
  readonly #catalog: Catalog;
  readonly #how: How;
  readonly #attempts = new Map<number, { from: number; rest: Buffer; state: unknown }>();

  constructor(
    { transcripts, catalog }: { readonly transcripts: Transcripts; readonly catalog: Catalog },
    how: How,
  ) {
    this.#transcripts = transcripts;
    this.#catalog = catalog;
    this.#how = how;
  }

  show(session: Session): void {
    const { id, attempt: newest, title } = session;
    for (let attempt = 1; attempt <= newest; attempt++) {
      const driver = this.#catalog.named(agentAt(session, attempt))?.driver;
      let at = this.#attempts.get(attempt);
      if (at === undefined) {
        at = { from: 0, rest: Buffer.alloc(0), state: driver?.initial() };
        this.#attempts.set(attempt, at);
        if (!this.#how.raw) this.#how.print(`── ${harmless(title)}, attempt ${attempt} ──`);
      }
      for (;;) {
        const part = this.#transcripts.read({
          session: id,
          attempt,
          stream: "out",
          from: at.from,
          bytesMax: PART_BYTES,
        });
        if (part.byteLength === 0) break;
        at.from += part.byteLength;
        const whole = Buffer.concat([at.rest, part]);
        const end = whole.lastIndexOf(0x0a) + 1;
        at.rest = whole.subarray(end);
        for (const line of whole.subarray(0, end).toString("utf8").split("\n").slice(0, -1))
          at.state = showLine(driver, at.state, line, this.#how);
      }
    }
  }
}

/** What the driver makes of a line, or the line. Returns the driver's next state. */
export function showLine(
  driver: AgentDriver | undefined,
  state: unknown,
  line: string,
  { raw, print }: How,
): unknown {
  if (raw || driver === undefined) {
    // Into a file or a pipe it goes as it is; on a terminal its escape sequences would be obeyed.
    print(raw && !process.stdout.isTTY ? line : harmless(line));
    return state;
  }
  const reduced = driver.reduce(state, line);
  for (const finding of reduced.findings) {
    const shown = describe(finding);
    if (shown !== null) print(`${shown.aside ? "  · " : ""}${harmless(shown.text)}`);
  }
  return reduced.state;
}
