#!/usr/bin/env node
/**
 * The relay: what an agent starts as its MCP server. Copies lines between stdio and the tool socket of its
 * attempt, and hides that the daemon behind it may be replaced:
 *
 *     relay.mjs <socket>
 *
 * It remembers the handshake and every request without a response. After a reconnection it says the
 * handshake again (and swallows the second response), then repeats the requests. No MCP package, so that it
 * starts in a moment; it does not know any tool.
 */
import { randomBytes } from "node:crypto";
import { type Socket, createConnection } from "node:net";
import process from "node:process";

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1000;
const PENDING_MAX = 256;
const LINE_BYTES_MAX = 16 * 1024 * 1024;

type Id = string | number;

function main(path: string | undefined): void {
  if (path === undefined) {
    process.stderr.write("usage: relay.mjs <socket>\n");
    process.exitCode = 64;
    return;
  }
  const relay = new Relay(path, randomBytes(12).toString("hex"));
  readLines(process.stdin, (line) => relay.fromAgent(line));
  process.stdin.on("end", () => process.exit(0));
  process.stdout.on("error", () => process.exit(0));
  relay.connect();
}

class Relay {
  readonly #path: string;
  readonly #instance: string;
  /** Requests without a response, in the order they came. */
  readonly #pending = new Map<Id, string>();
  readonly #swallow = new Set<Id>();
  #initialize: { readonly id: Id; readonly line: string } | undefined;
  #initialized: string | undefined;
  #socket: Socket | undefined;
  #retryMs = RETRY_MS_MIN;

  constructor(path: string, instance: string) {
    this.#path = path;
    this.#instance = instance;
  }

  connect(): void {
    const socket = createConnection(this.#path);
    socket.on("connect", () => {
      this.#retryMs = RETRY_MS_MIN;
      this.#socket = socket;
      this.#resume(socket);
    });
    readLines(socket, (line) => this.#fromDaemon(line));
    // `close` follows and tries again: the daemon is being replaced, or not there yet.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#socket = undefined;
      setTimeout(() => this.connect(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
    });
  }

  fromAgent(line: string): void {
    const message = parse(line);
    const { id, method } = message;
    if (id !== undefined && method !== undefined) {
      if (this.#pending.size >= PENDING_MAX) {
        const error = { code: -32_603, message: `${PENDING_MAX} requests are waiting already` };
        process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`);
        return;
      }
      this.#pending.set(id, line);
      if (method === "initialize") this.#initialize = { id, line };
    }
    if (method === "notifications/initialized") this.#initialized = line;
    // A cancelled request gets no response, and must not be repeated.
    if (method === "notifications/cancelled" && message.cancelled !== undefined)
      this.#pending.delete(message.cancelled);
    this.#socket?.write(`${line}\n`);
  }

  #resume(socket: Socket): void {
    socket.write(`{"relay":"${this.#instance}"}\n`);
    const initialize = this.#initialize;
    if (initialize !== undefined && !this.#pending.has(initialize.id)) {
      this.#swallow.add(initialize.id);
      socket.write(`${initialize.line}\n`);
      if (this.#initialized !== undefined) socket.write(`${this.#initialized}\n`);
    }
    for (const line of this.#pending.values()) socket.write(`${line}\n`);
  }

  #fromDaemon(line: string): void {
    const { id, method } = parse(line);
    if (id !== undefined && method === undefined) {
      if (this.#swallow.delete(id)) return;
      // A response we gave already, repeated by the daemon: the agent must see it once.
      if (!this.#pending.delete(id)) return;
    }
    process.stdout.write(`${line}\n`);
  }
}

interface Message {
  readonly id?: Id;
  readonly method?: string;
  readonly cancelled?: Id;
}

function parse(line: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Not ours to judge: the other side answers a parse error.
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  const method = "method" in value ? value.method : undefined;
  const params = "params" in value ? value.params : undefined;
  const id = idIn(value, "id");
  const cancelled = idIn(params, "requestId");
  return {
    ...(id === undefined ? {} : { id }),
    ...(cancelled === undefined ? {} : { cancelled }),
    ...(typeof method === "string" ? { method } : {}),
  };
}

function idIn(value: unknown, name: string): Id | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const id: unknown = Reflect.get(value, name);
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/** Calls back for every whole line; gives up on a line without end. */
function readLines(stream: NodeJS.ReadableStream, each: (line: string) => void): void {
  let parts: string[] = [];
  let length = 0;
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = chunk.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      const whole = parts.join("") + line;
      parts = [];
      length = 0;
      if (whole.trim() !== "") each(whole);
    }
    parts.push(rest);
    length += rest.length;
    if (length <= LINE_BYTES_MAX) return;
    process.stderr.write(`relay: a line is longer than ${LINE_BYTES_MAX} characters\n`);
    process.exit(1);
  });
}

main(process.argv[2]);
