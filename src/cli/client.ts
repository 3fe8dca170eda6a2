/** How commands reach what they show: the running server's socket, else its database, read-only, and they say so. */
import { existsSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import * as z from "zod";
import { problemLines, readConfig, type Config } from "../config.ts";
import type { Reading } from "../store/port.ts";
import { openReading } from "../store/sqlite.ts";
import { controlSocket } from "./control-server.ts";
import { CliError, remark } from "./output.ts";

/** The configuration for commands that need no App. */
export function localConfig(): Config {
  const found = readConfig(process.env, { app: "unused" });
  if (!found.ok) throw new CliError(problemLines(found.problems).join("\norcha: "), 2);
  return found.config;
}

export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

interface AskOptions {
  readonly timeoutMs?: number;
  readonly body?: unknown;
}

/** Null = no server is running here. */
export function ask(
  config: Config,
  method: "GET" | "POST" | "DELETE",
  path: string,
  { timeoutMs = 10_000, body }: AskOptions = {},
): Promise<Answered | null> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath: controlSocket(config.runtimeDir),
        method,
        path,
        timeout: timeoutMs,
        agent: false,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () => {
          const answer: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
          resolve({ status: response.statusCode ?? 0, body: answer });
        });
      },
    );
    call.on("timeout", () =>
      call.destroy(new CliError(`the server did not answer within ${timeoutMs / 1000} s`)),
    );
    call.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(null);
      else reject(error);
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** As `ask`, for what only a running server can do. */
export async function demand(...asking: Parameters<typeof ask>): Promise<Answered> {
  const answered = await ask(...asking);
  if (answered !== null) return answered;
  const [{ dataDir }] = asking;
  throw new CliError(`no server is running on ${dataDir}; start it with: orcha serve`, 3);
}

/** Why the server refused, in its own words. */
export function refusalOf({ status, body }: Answered): string {
  const said = z.object({ error: z.string() }).safeParse(body);
  return said.success ? said.data.error : `the server answered ${status}`;
}

/** Asks the server, or works the same answer out of the database. */
export async function read<T>(
  path: string,
  offline: (reading: Reading) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const config = localConfig();
  const answered = await ask(config, "GET", path);
  if (answered?.status === 200 && Array.isArray(answered.body)) return answered.body;
  if (answered !== null) throw new CliError(`the server answered ${answered.status}`);
  await using reading = openOffline(config);
  return await offline(reading);
}

function openOffline(config: Config): Reading & AsyncDisposable {
  const path = join(config.dataDir, "orcha.db");
  if (!existsSync(path))
    throw new CliError(
      `there is no data in ${config.dataDir} yet; start the server with: orcha serve`,
      3,
    );
  remark(`(no server is running on ${config.dataDir}: reading its database)`);
  return openReading(path);
}
