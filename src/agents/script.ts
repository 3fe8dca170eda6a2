/**
 * Driver of the script agent (runners/script-agent): real process, real tools, no model. Pure, like every
 * driver: lines in, findings out.
 */
import * as z from "zod/mini";
import type { AgentDriver, Finding } from "./driver.ts";

/** The shape of what it prints; see docs/script-agent.md. */
const Line = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready"), conversation: z.string() }),
  z.object({ type: z.literal("taken"), uuid: z.string() }),
  z.object({ type: z.literal("turn-start") }),
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("tool"), name: z.string() }),
  z.object({ type: z.literal("tool-result"), name: z.string() }),
  z.object({ type: z.literal("command"), command: z.string(), code: z.nullable(z.number()) }),
  z.object({
    type: z.literal("limit"),
    reason: z.string(),
    resetAt: z.nullable(z.number()),
  }),
  z.object({
    type: z.literal("usage"),
    inputTokens: z.number(),
    cachedTokens: z.number(),
    outputTokens: z.number(),
    costUsd: z.nullable(z.number()),
  }),
  z.object({
    type: z.literal("turn-end"),
    failure: z.optional(z.object({ reason: z.string(), retry: z.boolean() })),
  }),
]);

/** One line is shown as last activity; the transcript has all of it. */
const SHOWN_CHARACTERS = 500;

/** It keeps no state: each of its lines speaks for itself. */
export const script: AgentDriver<null> = {
  name: "script",
  launch: ({ settings: { command, env, inherit } }) => ({
    command: [
      ...(command.length > 0 ? command : ["{node}", "{program}/script-agent.mjs"]),
      "--state",
      "{state}",
      "--",
      "{node}",
      "{relay}",
      "{socket}",
    ],
    env,
    inherit,
    files: [],
  }),
  initial: () => null,
  reduce: (state, line) => ({ state, findings: findingsOf(line) }),
};

function findingsOf(text: string): Finding[] {
  const line = parse(text);
  if (line === undefined) return [];
  switch (line.type) {
    case "ready":
      return [{ kind: "conversation", id: line.conversation }];
    case "taken":
      return [{ kind: "message-taken", id: line.uuid, how: "turn" }];
    case "turn-start":
      return [{ kind: "turn-started" }];
    case "text":
      return [{ kind: "text", text: line.text.slice(0, SHOWN_CHARACTERS) }];
    case "tool":
      return [{ kind: "tool-call", call: null, name: line.name, detail: "" }];
    case "tool-result":
      return [];
    case "command":
      return [
        {
          kind: "tool-call",
          call: null,
          name: "shell",
          detail: `${line.command} (${line.code})`.slice(0, SHOWN_CHARACTERS),
        },
      ];
    case "limit":
      return [{ kind: "limit-hit", resetAt: line.resetAt, reason: line.reason }];
    case "usage": {
      const { type: _, ...usage } = line;
      return [{ kind: "usage", ...usage }];
    }
    case "turn-end":
      return [{ kind: "turn-ended", failure: line.failure ?? null }];
  }
}

function parse(text: string): z.infer<typeof Line> | undefined {
  if (!text.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Garbage is allowed in an agent's output; it stays readable in the transcript.
    return undefined;
  }
  const parsed = Line.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
