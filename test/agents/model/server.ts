/**
 * A model behind the providers' endpoints that plays the steps in its prompt (docs/script-agent.md): what it says next
 * follows from the conversation in the request alone. Loopback only.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";
import { anthropic } from "./anthropic.ts";
import { chat } from "./chat.ts";
import type { Conversation, Move } from "./conversation.ts";
import { gemini } from "./gemini.ts";
import { sendJson, type Provider } from "./http.ts";
import { play } from "./play.ts";
import { responses } from "./responses.ts";

export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a path. */
  readonly url: string;
  /** All requests of agents, oldest first. */
  readonly requests: readonly ModelRequest[];
  /** Requests to an address that no provider has, as `METHOD path`. */
  readonly strays: readonly string[];
}

export interface ModelRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly conversation: Conversation;
  /** Null = it was beside the conversation. */
  readonly move: Move | null;
}

const BODY_BYTES_MAX = 64 * 1024 * 1024;

const ROUTES: readonly (readonly [RegExp, Provider])[] = [
  [/^\/v1\/messages$/u, anthropic],
  [/^\/v1\/responses$/u, responses],
  [/^\/v1\/chat\/completions$/u, chat],
  [/^\/v1(?:beta)?\/models\/[^:]+:(?:streamG|g)enerateContent$/u, gemini],
];

/** `socket` = a path where it listens too, for programs that have no network. */
export async function startModel(socket?: string): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const strays: string[] = [];
  const refusals = new Map<string, number>();
  const refused = (step: string): number => {
    const times = refusals.get(step) ?? 0;
    refusals.set(step, times + 1);
    return times;
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://model");
    const text = await bodyOf(request);
    const provider = ROUTES.find(([pattern]) => pattern.test(pathname))?.[1];
    if (request.method !== "POST" || provider === undefined) {
      if (!isBeside(pathname)) strays.push(`${request.method} ${pathname}`);
      besides(response, pathname);
      return;
    }
    const body: unknown = JSON.parse(text);
    const read = provider.read(body);
    const stream = provider === gemini ? searchParams.get("alt") === "sse" : read.stream;
    const conversation = { ...read, stream };
    const move = conversation.tools.length === 0 ? null : play(conversation.entries, refused);
    const { headers } = request;
    requests.push({ path: pathname, headers, body, conversation, move });
    if (move?.kind === "hang") return;
    if (move?.kind === "refuse") provider.refuse(response, move.refusal);
    else provider.answer(response, move?.reply ?? AUXILIARY, conversation);
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      strays.push(`${request.method} ${request.url}: ${String(error)}`);
      sendJson(response, { error: { message: String(error) } }, { status: 400 });
    });
  };
  const server = await listening(createServer(handle), { host: "127.0.0.1", port: 0 });
  const local =
    socket === undefined ? null : await listening(createServer(handle), { path: socket });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    strays,
    async [Symbol.asyncDispose]() {
      for (const one of [server, local]) {
        one?.closeAllConnections();
        await new Promise<void>((resolve) =>
          one === null ? resolve() : one.close(() => resolve()),
        );
      }
    },
  };
}

const listening = (server: Server, where: ListenOptions): Promise<Server> =>
  new Promise((resolve) => server.listen(where, () => resolve(server)));

/** A title, a summary, a route: JSON that the Gemini CLI's router can read, and text to all others. */
const AUXILIARY = {
  text: JSON.stringify({
    title: "a task",
    reasoning: "scripted",
    model_choice: "pro",
    complexity_reasoning: "scripted",
    complexity_score: 90,
  }),
  call: null,
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a request body that is no bytes");
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw new Error(`a request of more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const isBeside = (path: string): boolean =>
  /count_?tokens$/iu.test(path) || path === "/" || path === "/v1/models";

function besides(response: ServerResponse, path: string): void {
  if (path.endsWith("count_tokens")) sendJson(response, { input_tokens: 1_000 });
  else if (path.endsWith(":countTokens")) sendJson(response, { totalTokens: 1_000 });
  else if (path === "/v1/models") sendJson(response, { object: "list", data: [], models: [] });
  else sendJson(response, { error: { message: "not here" } }, { status: 404 });
}
