/** `orcha attach SESSION --shell`: a shell in the session's checkout, on the machine where that is. */
import process from "node:process";
import * as z from "zod";
import { openShell } from "../fleet/shell.ts";
import { localConfig } from "./client.ts";
import { CliError, remark } from "./output.ts";
import { askSession } from "./session-client.ts";

const Way = z.object({
  runner: z.string(),
  path: z.string(),
  running: z.boolean(),
  ssh: z.nullable(
    z.object({
      address: z.object({
        user: z.string(),
        host: z.string(),
        port: z.number(),
        identity: z.nullable(z.string()),
        jump: z.nullable(z.string()),
      }),
      hostKey: z.nullable(z.string()),
      agentSocket: z.nullable(z.string()),
    }),
  ),
});

/** Ends with the shell's exit code. */
export async function shell(id: string): Promise<void> {
  const path = `${encodeURIComponent(id)}/way`;
  const way = Way.parse(await askSession(localConfig(), "GET", path));
  if (way.running)
    remark(`the agent is at work here: orcha takeover ${id} stops it before you change anything`);
  remark(`${way.path} on ${way.runner}; exit leaves it`);
  const terminal = process.stdin.isTTY;
  const code = await openShell({ ssh: way.ssh, path: way.path, terminal }).catch(
    (error: unknown) => {
      throw error instanceof Error ? new CliError(error.message) : error;
    },
  );
  if (code === null)
    throw new CliError(
      way.ssh === null
        ? "your shell cannot be started: is SHELL right?"
        : "ssh cannot be started: install the OpenSSH client here",
    );
  process.exitCode = code;
}
