/**
 * The script agent's steps (docs/script-agent.md), and two that only a model can play:
 *
 *     {"status": 429, "times"?: 2, "headers"?: {…}, "type"?: "…", "message"?: "…"}   the provider refuses, so many times
 *     {"native": "WebFetch", "args"?: {…}, "save"?: name, "expectError"?: true}       a tool of the program itself
 *
 * They are carried through the script agent's own parser as steps that it knows.
 */
import * as z from "zod/mini";
import { fencedBlock, scriptIn, type Script } from "../../../runners/script-agent/script.ts";
import type { Refusal } from "./conversation.ts";

const STATUS = "model:status ";
const NATIVE = "model:native ";

const Status = z.strictObject({
  status: z.int(),
  times: z.optional(z.int()),
  headers: z.optional(z.record(z.string(), z.string())),
  type: z.optional(z.string()),
  message: z.optional(z.string()),
});
export interface StatusStep {
  readonly times: number;
  readonly refusal: Refusal;
}

/** Undefined = this text has no script. Throws ScriptError. */
export function modelScript(text: string): Script | undefined {
  const block = fencedBlock(text, "orcha-steps");
  if (block === undefined) return undefined;
  return scriptIn(
    `\`\`\`\`\`\`\`\`orcha-steps\n${JSON.stringify(carry(JSON.parse(block)))}\n\`\`\`\`\`\`\`\``,
  );
}

/** A worker's list as it was written. */
export function restored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restored);
  if (typeof value !== "object" || value === null) return value;
  if ("stderr" in value && typeof value.stderr === "string" && value.stderr.startsWith(STATUS))
    return JSON.parse(value.stderr.slice(STATUS.length));
  if ("tool" in value && typeof value.tool === "string" && value.tool.startsWith(NATIVE)) {
    const { tool, ...rest } = value;
    return { native: tool.slice(NATIVE.length), ...rest };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item)]));
}

export function statusOf(stderr: string): StatusStep | null {
  if (!stderr.startsWith(STATUS)) return null;
  const { status, times, headers, type, message } = Status.parse(
    JSON.parse(stderr.slice(STATUS.length)),
  );
  return {
    times: times ?? Number.POSITIVE_INFINITY,
    refusal: {
      status,
      headers: headers ?? {},
      type: type ?? "api_error",
      message: message ?? `scripted error ${status}`,
    },
  };
}

export const nativeOf = (tool: string): string | null =>
  tool.startsWith(NATIVE) ? tool.slice(NATIVE.length) : null;

function carry(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(carry);
  if (typeof value !== "object" || value === null) return value;
  if ("status" in value) return { stderr: `${STATUS}${JSON.stringify(value)}` };
  if ("native" in value) {
    const { native, ...rest } = value;
    return { ...rest, tool: `${NATIVE}${String(native)}` };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, carry(item)]));
}
