/**
 * What the agent knows, on disk. Written whole and synced before every step, so a killed agent that is
 * started again on the same state goes on exactly where it was.
 */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import * as z from "zod/mini";

const Message = z.object({ uuid: z.string(), text: z.string(), consumed: z.boolean() });
export type Message = z.infer<typeof Message>;

const Memory = z.object({
  conversation: z.string(),
  /** The message the script was read from; null = none has come. */
  brief: z.nullable(z.string()),
  /** Next instruction. */
  position: z.int().check(z.gte(0)),
  /** Inside a turn that has not ended: a new process takes it up at once. */
  turnOpen: z.boolean(),
  messages: z.array(Message),
  variables: z.record(z.string(), z.unknown()),
  /** Rounds left of the loops we are in. */
  loops: z.record(z.string(), z.number()),
  /** What the current step is about to make: seen there after a crash, the step is done. */
  intent: z.nullable(z.string()),
});
export type Memory = z.infer<typeof Memory>;

export interface MemoryFile {
  readonly memory: Memory;
  save(): void;
}

/** Throws when the file is not ours. */
export function openMemory(directory: string): MemoryFile {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "script-agent.json");
  const memory = load(path) ?? fresh();
  return {
    memory,
    save() {
      const fd = openSync(`${path}.tmp`, "w", 0o600);
      try {
        const bytes = Buffer.from(JSON.stringify(memory));
        for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done);
        fdatasyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${path}.tmp`, path);
    },
  };
}

function load(path: string): Memory | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // The first start.
    return undefined;
  }
  return Memory.parse(JSON.parse(text));
}

function fresh(): Memory {
  return {
    conversation: randomUUID(),
    brief: null,
    position: 0,
    turnOpen: false,
    messages: [],
    variables: {},
    loops: {},
    intent: null,
  };
}
