/**
 * The MCP server of one attempt, on a unix socket of its own: whoever reaches the socket is this attempt.
 * The agent's MCP client talks to it through the relay, which says first which relay it is:
 *
 *     {"relay":"<instance>"}\n      then plain MCP over lines
 *
 * A call is known as `<instance>-<rpc id>`, the same after the relay reconnected.
 */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { type Socket, createServer } from "node:net";
import { Server } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import type { ToolSpec } from "../../src/protocol/requests.ts";
import { ARGUMENT_BYTES_MAX, type ToolCalls } from "./calls.ts";
import { explainDisk } from "./errors.ts";

/** Agents open one connection; more are restarts that overlap. */
const CONNECTIONS_MAX = 16;
const MESSAGE_BYTES_MAX = 8 * ARGUMENT_BYTES_MAX;
const PREAMBLE = /^\{"relay":"([A-Za-z0-9]{8,64})"\}$/u;

export interface ToolServer {
  close(): Promise<void>;
}

export interface ToolServerOptions {
  readonly path: string;
  readonly tools: readonly ToolSpec[];
  readonly calls: Pick<ToolCalls, "call">;
}

export async function serveTools({ path, tools, calls }: ToolServerOptions): Promise<ToolServer> {
  // What a killed daemon left.
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    if (sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    readPreamble(socket, (relay) => serveMcp(socket, { relay, tools, calls }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Reads the first line and leaves the rest in the stream. Anybody who does not say it is not our relay. */
function readPreamble(socket: Socket, then: (relay: string) => void): void {
  let head = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(0x0a);
    if (end === -1 && head.byteLength < 256) return;
    socket.off("data", read);
    const relay = PREAMBLE.exec(head.toString("utf8", 0, Math.max(end, 0)))?.[1];
    if (relay === undefined) {
      socket.destroy();
      return;
    }
    socket.pause();
    socket.unshift(head.subarray(end + 1));
    then(relay);
  };
  socket.on("data", read);
}

function serveMcp(
  socket: Socket,
  { relay, tools, calls }: { readonly relay: string } & Pick<ToolServerOptions, "tools" | "calls">,
): void {
  const create = (): Server => {
    const server = new Server({ name: "orcha", version: "1" }, { capabilities: { tools: {} } });
    server.setRequestHandler("tools/list", () => ({
      tools: tools.map(({ name, description, inputSchema }) => ({
        name,
        description,
        inputSchema: { ...inputSchema, type: "object" as const },
      })),
    }));
    server.setRequestHandler("tools/call", async ({ params }, context) => {
      const { name, arguments: args = {} } = params;
      const reply = tools.some((tool) => tool.name === name)
        ? await answer(calls, { call: callId(relay, context.mcpReq.id), tool: name, args })
        : {
            isError: true,
            content: `unknown tool ${name}: there are ${tools.map((tool) => tool.name).join(", ")}`,
          };
      return { content: [{ type: "text" as const, text: reply.content }], isError: reply.isError };
    });
    return server;
  };
  const transport = new StdioServerTransport(socket, socket, { maxBufferSize: MESSAGE_BYTES_MAX });
  const handle = serveStdio(create, { transport });
  socket.on("close", () => void handle.close());
  socket.resume();
}

async function answer(
  calls: ToolServerOptions["calls"],
  { call, tool, args }: { readonly call: string; readonly tool: string; readonly args: unknown },
): Promise<{ readonly isError: boolean; readonly content: string }> {
  try {
    return await calls.call(call, tool, args);
  } catch (error) {
    return { isError: true, content: explainDisk(error, "the runner's work root") };
  }
}

/** Ids are the client's: a number or any text. */
function callId(relay: string, id: string | number): string {
  const text = String(id);
  const plain = /^[A-Za-z0-9_.-]{1,64}$/u.test(text);
  return `${relay}-${plain ? text : createHash("sha256").update(text).digest("hex")}`;
}
