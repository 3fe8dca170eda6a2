/**
 * Tool calls of one attempt: journaled when they come, answered once. The first reply wins and is kept, so
 * a repetition (the relay reconnects, the daemon was replaced) is answered from disk.
 *
 * Not here: MCP (tools.ts) and what a tool means (the control plane).
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { JournalEntry } from "../../src/protocol/journal.ts";
import { RequestError } from "./errors.ts";
import { makeDirectory, readIfThere, writeAtomic } from "./files.ts";
import type { JournalFile } from "./journal-file.ts";

/** While the control plane is away for this long a call is undecided: the agent is told to call again. */
const UNREACHABLE_MS = 45_000;
export const PENDING_CALLS_MAX = 64;
export const ARGUMENT_BYTES_MAX = 1024 * 1024;

export interface CallResult {
  readonly isError: boolean;
  readonly content: string;
}

export interface ToolCalls {
  /** Resolves with the first reply, however long that takes while the control plane is attached. */
  call(call: string, tool: string, args: unknown): Promise<CallResult>;
  /** Journals the reply unless one came before; says which outcome won. Throws RequestError `gone`. */
  answer(call: string, outcome: "result" | "parked", result: CallResult): "result" | "parked";
  /** Whether the control plane follows this attempt. */
  setAttached(attached: boolean): void;
}

export interface CallsOwner {
  readonly directory: string;
  readonly journal: JournalFile;
  readonly finished: boolean;
  append(entry: JournalEntry): void;
}

interface Pending {
  readonly promise: Promise<CallResult>;
  readonly resolve: (result: CallResult) => void;
}

export function openToolCalls(owner: CallsOwner): ToolCalls {
  const { directory, journal } = owner;
  const pending = new Map<string, Pending>();
  let unreachable: NodeJS.Timeout | undefined;
  let attached = false;

  const answerFile = (call: string): string =>
    join(directory, "answers", createHash("sha256").update(call).digest("hex"));

  const giveUp = (): void => {
    for (const { resolve } of pending.values()) resolve(notDecided);
    pending.clear();
  };
  const watchReach = (): void => {
    clearTimeout(unreachable);
    if (attached || pending.size === 0) return;
    unreachable = setTimeout(giveUp, UNREACHABLE_MS).unref();
  };

  return {
    call(call, tool, args) {
      const state = journal.calls.get(call);
      if (state === "result" || state === "parked")
        return Promise.resolve(storedAnswer(answerFile(call)));
      const known = pending.get(call);
      if (known !== undefined) return known.promise;
      const refusal = state === "open" ? undefined : refuse(pending.size, args);
      if (refusal !== undefined) return Promise.resolve(refusal);
      if (state === undefined) owner.append({ kind: "tool-called", call, tool, arguments: args });
      const waiting = createPending();
      pending.set(call, waiting);
      watchReach();
      return waiting.promise;
    },

    answer(call, outcome, result) {
      const state = journal.calls.get(call);
      if (state === undefined)
        throw new RequestError("gone", `no tool call ${call} in this attempt`);
      if (state !== "open") return state;
      if (owner.finished)
        throw new RequestError("gone", `the agent that made the call ${call} has ended`);
      makeDirectory(join(directory, "answers"));
      writeAtomic(answerFile(call), JSON.stringify(result));
      owner.append({ kind: "tool-answered", call, outcome });
      pending.get(call)?.resolve(result);
      pending.delete(call);
      return outcome;
    },

    setAttached(now) {
      attached = now;
      watchReach();
    },
  };
}

const notDecided: CallResult = {
  isError: true,
  content:
    "not decided yet: the control plane cannot be reached now; call again with the same arguments",
};

function refuse(pendingCount: number, args: unknown): CallResult | undefined {
  if (pendingCount >= PENDING_CALLS_MAX)
    return {
      isError: true,
      content: `${PENDING_CALLS_MAX} calls are waiting already: wait for one to end`,
    };
  const bytes = Buffer.byteLength(JSON.stringify(args) ?? "");
  if (bytes > ARGUMENT_BYTES_MAX)
    return {
      isError: true,
      content: `arguments of ${bytes} bytes are over the limit of ${ARGUMENT_BYTES_MAX}`,
    };
  return undefined;
}

function createPending(): Pending {
  let settle: Pending["resolve"] | undefined;
  const promise = new Promise<CallResult>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (result) => settle?.(result) };
}

function storedAnswer(path: string): CallResult {
  const stored: unknown = JSON.parse(readIfThere(path) ?? "null");
  if (typeof stored === "object" && stored !== null && "content" in stored && "isError" in stored)
    return { isError: stored.isError === true, content: String(stored.content) };
  return { isError: true, content: "the answer to this call is no longer on the runner" };
}
