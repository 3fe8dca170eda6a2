/**
 * A GitHub in memory, for tests and the demo: REST, GraphQL, signed webhooks, real git over HTTP, pages for people.
 * Strict where GitHub is strict. Not persistent, not for production, no forks, no Actions. Imports nothing of the rest
 * of this project, so that both cannot share a mistake.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";

import type { Exchange } from "./exchange.ts";
import { createCore } from "./core.ts";
import type { Children } from "./git/command.ts";
import { openDiskGit } from "./git/disk.ts";
import { createHttpServer } from "./http/server.ts";
import type { Schedule } from "./hub.ts";
import type { EmulatorLimits } from "./limits.ts";
import { postOverHttp } from "./webhook/post.ts";
import { createWorld, type World } from "./world.ts";

export interface EmulatorOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** What its addresses begin with when it is reached through something else, such as a proxy; default: where it listens. */
  readonly publicUrl?: string;
  /** Where bare repositories live; by default a temporary folder that `close` removes. */
  readonly directory?: string;
  /** Milliseconds since 1970; `world.advance` adds to it. */
  readonly now?: () => number;
  /** Rate limits; what is not given is as on github.com. */
  readonly limits?: Partial<EmulatorLimits>;
  /** Installation tokens as GitHub hands them out now (long, default) or did before 2026 (40 characters). */
  readonly tokenFormat?: "long" | "short";
  /** How long (ms) lists leave out what is new, drawn for every new thing; default: not at all. */
  readonly listLag?: () => number;
  /** Sees every REST and GraphQL exchange and every webhook payload. */
  readonly onExchange?: (exchange: Exchange) => void;
}

export interface Emulator extends AsyncDisposable {
  /** `http://HOST:PORT`: pages here, git at `/owner/name.git`, REST below `/api/v3`, GraphQL at `/api/graphql`. */
  readonly url: string;
  readonly world: World;
  /** Ends deliveries, git children and connections; removes the temporary folder. */
  close(): Promise<void>;
}

/** Starts an emulator. Rejects when the port is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const host = options.host ?? "127.0.0.1";
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "orcha-emulator-")));
  const core = createCore({
    ...options,
    git: openDiskGit(directory),
    schedule: realSchedule,
    post: postOverHttp,
  });
  const { api, hub, sender, faults } = core;
  const children: Children = new Set();
  const server = createHttpServer({ api, faults, children });
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  hub.url = options.publicUrl ?? url;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      faults.clear();
      const closed = once(server, "close");
      server.close();
      await sender.close();
      server.closeAllConnections();
      for (const child of children) child.kill("SIGKILL");
      await closed;
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    })());
  const world = createWorld(core);
  return { url, world, close, [Symbol.asyncDispose]: close };
}

const realSchedule: Schedule = (delayMs, work) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};
