/** What the providers' endpoints have in common. */
import type { ServerResponse } from "node:http";
import type { Conversation, Refusal, Reply } from "./conversation.ts";

/** One provider's way to ask a model and to hear from it. */
export interface Provider {
  /** Throws ZodError for a request that this provider would not take. */
  read(body: unknown): Conversation;
  answer(response: ServerResponse, reply: Reply, conversation: Conversation): void;
  refuse(response: ServerResponse, refusal: Refusal): void;
}

export interface ServerEvent {
  readonly event?: string;
  readonly data: unknown;
}

export function sendEvents(response: ServerResponse, events: readonly ServerEvent[]): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const { event, data } of events)
    response.write(
      `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
    );
  response.end();
}

export function sendJson(
  response: ServerResponse,
  value: unknown,
  { status = 200, headers = {} }: Partial<Pick<Refusal, "status" | "headers">> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

let last = 0;

/** Programs keep what has an id apart by it. */
export const newId = (prefix: string): string => `${prefix}_${process.pid}_${++last}`;

/** What programs wrap round the text of one of our tools' results. */
export function unwrapped(text: string): string {
  const bare = text.replaceAll(/^<untrusted_context>\n|\n<\/untrusted_context>$/gu, "");
  const inner = /^(?:.*\n)*?Output:\n(?<inner>[\s\S]*)$/u.exec(bare)?.groups?.["inner"] ?? bare;
  try {
    const value: unknown = JSON.parse(inner);
    return Array.isArray(value) ? value.map(partText).join("\n") : inner;
  } catch {
    // Plain text.
    return inner;
  }
}

export const partText = (part: unknown): string =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"
    ? part.text
    : "";

/** What nobody needs in a test is still asked for: any figure will do. */
export const TOKENS = { input: 1_000, output: 10 } as const;
