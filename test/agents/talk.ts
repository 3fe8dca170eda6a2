/** A dialect in conversation: what it wrote and noted so far, and the test in the agent's place. */
import type { Command, Dialect, Opening, Step } from "../../src/dialects/dialect.ts";
import { parseObject, type Fields } from "../../src/dialects/json.ts";
import type { Note } from "../../src/dialects/note.ts";

const OPENING: Opening = {
  workspace: "/w/o__r/ses_1/1",
  conversation: null,
  session: "ses_1",
  profile: "edit",
  model: null,
  servers: { orcha: { command: "/n", args: ["relay", "sock"], env: { ORCHA_SESSION: "ses_1" } } },
};

export class Talk<State> {
  readonly written: Fields[] = [];
  readonly notes: Note[] = [];
  readonly #dialect: Dialect<State>;
  #state: State;

  constructor(dialect: Dialect<State>, opening: Partial<Opening> = {}) {
    this.#dialect = dialect;
    const step = dialect.open({ ...OPENING, ...opening });
    this.#state = step.state;
    this.#take(step);
  }

  #take({ state, write, notes }: Step<State>): readonly Fields[] {
    this.#state = state;
    this.notes.push(...notes);
    const lines = write.map((line) => {
      const fields = parseObject(line);
      if (fields === undefined || line.includes("\n")) throw new Error(`not one line: ${line}`);
      return fields;
    });
    this.written.push(...lines);
    return lines;
  }

  /** What it wrote because of this. */
  says(line: object | string): readonly Fields[] {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    return this.#take(this.#dialect.line(this.#state, text));
  }

  command(command: Command): readonly Fields[] {
    return this.#take(this.#dialect.command(this.#state, command));
  }

  message(id: string, text = `text of ${id}`): readonly Fields[] {
    return this.command({ kind: "message", id, text });
  }

  kinds(): readonly string[] {
    return this.notes.map((note) => ("id" in note ? `${note.kind} ${note.id}` : note.kind));
  }

  methods(): readonly unknown[] {
    return this.written.map(({ method, id }) => method ?? `answer ${String(id)}`);
  }
}
