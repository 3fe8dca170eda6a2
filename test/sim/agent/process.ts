/**
 * A running agent: a behaviour (a generator of actions) that takes its time, prints lines the script driver
 * understands, and can be killed at any of them. What it learnt is in its memory, on disk.
 */
import type { JournalEntry } from "../../../src/protocol/journal.ts";
import type { Checkouts } from "../checkouts.ts";
import type { Attempt } from "../runner/attempt.ts";
import type { Sim } from "../sim.ts";
import { behave, type Action, type Behaviour, type Outcome } from "./behaviour.ts";
import type { AgentMemory } from "./memory.ts";

export interface ProcessParts {
  readonly machine: string;
  readonly attempt: Attempt;
  readonly memory: AgentMemory;
  readonly checkouts: Checkouts;
  readonly append: (entry: JournalEntry) => void;
  /** Something was printed. */
  readonly wrote: () => void;
  readonly exit: (code: number) => void;
}

export interface Process {
  /** There is something new to read. */
  wake(): void;
  kill(): void;
}

const MINUTE_MS = 60_000;

type Waiting =
  | { readonly kind: "message" }
  | { readonly kind: "call"; readonly call: string }
  | { readonly kind: "time" };

export class ModelProcess implements Process {
  readonly #sim: Sim;
  readonly #parts: ProcessParts;
  readonly #behaviour: Behaviour;
  #alive = true;
  #read = 0;
  #reading = false;
  /** What it waits for: a message, the reply to a call, or time. */
  #waiting: Waiting = { kind: "time" };

  constructor(sim: Sim, parts: ProcessParts) {
    this.#sim = sim;
    this.#parts = parts;
    const { attempt, memory } = parts;
    const leads = attempt.spec?.tools.some(({ name }) => name === "spawn_session") === true;
    const role = leads ? "manager" : "worker";
    this.#behaviour = behave({ sim, memory, role, session: attempt.session });
    this.#print({ type: "ready", conversation: `conversation-${attempt.session}` });
    this.#later(sim.random.int(100, 3_000), () => {
      this.#waiting = { kind: "message" };
      this.wake();
    });
  }

  /** It reads when it gets to it. */
  wake(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#sim.time.after(this.#sim.random.int(10, 3_000), () => {
      this.#reading = false;
      if (this.#alive) this.#look();
    });
  }

  kill(): void {
    this.#alive = false;
  }

  #print(line: object | string): void {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    this.#write(`${text}\n`);
  }

  #write(text: string): void {
    const { attempt, wrote } = this.#parts;
    attempt.out = Buffer.concat([attempt.out, Buffer.from(text)]);
    wrote();
  }

  /** New input: taken, and kept for when the behaviour asks for it. */
  #take(): void {
    const { attempt, memory } = this.#parts;
    for (; this.#read < attempt.inputs.length; this.#read += 1) {
      const message = parse(attempt.inputs[this.#read]?.line ?? "");
      if (message === null) continue;
      if (!memory.taken.some(({ uuid }) => uuid === message.uuid)) memory.taken.push(message);
      this.#print({ type: "taken", uuid: message.uuid });
    }
  }

  #look(): void {
    const { attempt, memory } = this.#parts;
    const { random, faults } = this.#sim;
    const unread = this.#read < attempt.inputs.length;
    if (unread && faults.draw("agent dies before reading")) {
      this.#exit(1);
      return;
    }
    this.#take();
    const waiting = this.#waiting;
    if (waiting.kind === "message" && memory.done < memory.taken.length) {
      this.#print({ type: "turn-start" });
      this.#later(random.int(100, 5_000), () => this.#resume(null));
    }
    if (waiting.kind !== "call") return;
    const answer = attempt.calls.get(waiting.call);
    if (answer?.kind !== "answered") return;
    this.#print({ type: "tool-result", name: "" });
    this.#later(random.int(10, 2_000), () => this.#resume(answer));
  }

  #later(delayMs: number, go: () => void): void {
    this.#waiting = { kind: "time" };
    this.#sim.time.after(delayMs, () => {
      if (this.#alive) go();
    });
  }

  #resume(outcome: Outcome): void {
    const next = this.#behaviour.next(outcome);
    if (next.done === true) this.#exit(0);
    else this.#act(next.value);
  }

  #exit(code: number): void {
    this.#alive = false;
    this.#parts.exit(code);
  }

  #act(action: Action): void {
    const { attempt, checkouts } = this.#parts;
    const { random, pace } = this.#sim;
    const soon = (): void => this.#later(random.int(10, 2_000), () => this.#resume(null));
    switch (action.do) {
      case "print":
        this.#print(action.line);
        soon();
        return;
      case "work": {
        const mostMs = action.minutesMax * MINUTE_MS * Math.min(pace, 4);
        this.#later(random.int(MINUTE_MS / 10, mostMs), () => this.#resume(null));
        return;
      }
      case "commit":
        checkouts.commit(attempt.spec?.workspace.path ?? "", action.file, action.text);
        this.#print({ type: "command", command: "git commit", code: 0 });
        soon();
        return;
      case "call":
        this.#call(action);
        return;
      case "end turn":
        this.#print({
          type: "turn-end",
          ...(action.failure === null ? {} : { failure: action.failure }),
        });
        this.#waiting = { kind: "message" };
        this.wake();
        return;
      case "exit":
        // Its last words have no line end.
        this.#write("segmentation fau");
        this.#later(1, () => this.#exit(action.code));
    }
  }

  #call({ tool, args }: Extract<Action, { do: "call" }>): void {
    const { attempt, memory, append } = this.#parts;
    memory.calls += 1;
    const call = `c${attempt.number}-${memory.calls}`;
    this.#print({ type: "tool", name: tool });
    attempt.calls.set(call, { kind: "open", tool, args });
    append({ kind: "tool-called", call, tool, arguments: args });
    this.#waiting = { kind: "call", call };
  }
}

function parse(line: string): { readonly uuid: string; readonly text: string } | null {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("uuid" in value) || !("text" in value))
    return null;
  return { uuid: String(value.uuid), text: String(value.text) };
}
