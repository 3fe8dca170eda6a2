/**
 * A running agent: a behaviour (a generator of actions) that takes its time, prints lines the script driver
 * understands, and can be killed at any of them. What it learnt is in its memory, on disk.
 */
import type { JournalEntry } from "../../../src/protocol/journal.ts";
import type { Checkouts } from "../checkouts.ts";
import type { Attempt } from "../runner/attempt.ts";
import type { Sim } from "../sim.ts";
import { behave, type Action, type Outcome } from "./behaviour.ts";
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

export function openProcess(sim: Sim, parts: ProcessParts): Process {
  const { attempt, memory } = parts;
  const role =
    attempt.spec?.tools.some(({ name }) => name === "spawn_session") === true
      ? "manager"
      : "worker";
  const behaviour = behave({ sim, memory, role, session: attempt.session });
  let alive = true;
  let read = 0;
  let reading = false;
  /** What it waits for: a message, the reply to a call, or time. */
  let waiting:
    | { readonly kind: "message" }
    | { readonly kind: "call"; readonly call: string }
    | { readonly kind: "time" } = {
    kind: "time",
  };

  const print = (line: object | string): void => {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    attempt.out = Buffer.concat([attempt.out, Buffer.from(`${text}\n`)]);
    parts.wrote();
  };

  /** New input: taken at once, kept for when the behaviour asks for it. */
  const take = (): void => {
    for (; read < attempt.inputs.length; read += 1) {
      const message = parse(attempt.inputs[read]?.line ?? "");
      if (message === null) continue;
      if (!memory.taken.some(({ uuid }) => uuid === message.uuid)) memory.taken.push(message);
      print({ type: "taken", uuid: message.uuid });
    }
  };

  const later = (delayMs: number, go: () => void): void => {
    waiting = { kind: "time" };
    sim.time.after(delayMs, () => {
      if (alive) go();
    });
  };

  const resume = (outcome: Outcome): void => {
    const next = behaviour.next(outcome);
    if (next.done === true) exit(0);
    else act(next.value);
  };

  const exit = (code: number): void => {
    alive = false;
    parts.exit(code);
  };

  const act = (action: Action): void => {
    switch (action.do) {
      case "print":
        print(action.line);
        later(sim.random.int(10, 2_000), () => resume(null));
        return;
      case "work":
        later(
          sim.random.int(MINUTE_MS / 10, action.minutesMax * MINUTE_MS * Math.min(sim.pace, 4)),
          () => resume(null),
        );
        return;
      case "commit":
        parts.checkouts.commit(attempt.spec?.workspace.path ?? "", action.file, action.text);
        print({ type: "command", command: "git commit", code: 0 });
        later(sim.random.int(10, 2_000), () => resume(null));
        return;
      case "call":
        call(action);
        return;
      case "end turn":
        print({
          type: "turn-end",
          ...(action.failure === null ? {} : { failure: action.failure }),
        });
        waiting = { kind: "message" };
        wake();
        return;
      case "exit":
        // Its last words have no line end.
        attempt.out = Buffer.concat([attempt.out, Buffer.from("segmentation fau")]);
        later(1, () => exit(action.code));
    }
  };

  const call = ({ tool, args }: Extract<Action, { do: "call" }>): void => {
    memory.calls += 1;
    const id = `c${attempt.number}-${memory.calls}`;
    print({ type: "tool", name: tool });
    attempt.calls.set(id, { kind: "open", tool, args });
    parts.append({ kind: "tool-called", call: id, tool, arguments: args });
    waiting = { kind: "call", call: id };
  };

  /** It reads when it gets to it. */
  const wake = (): void => {
    if (reading) return;
    reading = true;
    sim.time.after(sim.random.int(10, 3_000), () => {
      reading = false;
      if (alive) look();
    });
  };

  const look = (): void => {
    take();
    if (waiting.kind === "message" && memory.done < memory.taken.length) {
      print({ type: "turn-start" });
      later(sim.random.int(100, 5_000), () => resume(null));
    }
    if (waiting.kind !== "call") return;
    const answer = attempt.calls.get(waiting.call);
    if (answer?.kind !== "answered") return;
    print({ type: "tool-result", name: "" });
    later(sim.random.int(10, 2_000), () => resume(answer));
  };

  print({ type: "ready", conversation: `conversation-${attempt.session}` });
  later(sim.random.int(100, 3_000), () => {
    waiting = { kind: "message" };
    wake();
  });
  return {
    wake,
    kill() {
      alive = false;
    },
  };
}

function parse(line: string): { readonly uuid: string; readonly text: string } | null {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("uuid" in value) || !("text" in value))
    return null;
  return { uuid: String(value.uuid), text: String(value.text) };
}
