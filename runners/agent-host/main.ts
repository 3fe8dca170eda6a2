#!/usr/bin/env node
/**
 * agent-host: stands between the files of an attempt and an agent that wants a conversation (handshake, requests of its
 * own, turns). Started by the keeper in the agent's place:
 *
 *     agent-host DIALECT OPENING.json -- PROGRAM [ARGUMENT…]
 *
 * In: `{"type":"user","uuid","text"}` lines, as for every agent. Out: the agent's lines as they are, and notes of ours
 * between them (src/dialects/note.ts). Variables that are `{random}` get a random value. It keeps nothing: when it dies the attempt is over, and the next one resumes.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import * as z from "zod/mini";
import { dialectNamed } from "../../src/dialects/registry.ts";
import { noteLine } from "../../src/dialects/note.ts";
import { prepareRecord } from "./gemini-record.ts";
import { whyNot } from "./guard.ts";
import { host } from "./host.ts";

const Server = z.object({
  command: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});

const Opening = z.object({
  workspace: z.string(),
  conversation: z.nullable(z.string()),
  session: z.string(),
  profile: z.enum(["read-only", "edit", "edit+network", "full"]),
  model: z.nullable(z.string()),
  servers: z.record(z.string(), Server),
  guards: z.optional(z.array(z.object({ path: z.string(), harmless: z.array(z.string()) }))),
  record: z.optional(z.literal("gemini")),
  openMs: z.optional(z.int().check(z.positive())),
});

/** The slowest agent seen needed ten seconds on a busy machine until its conversation was open. */
const OPEN_MS_MAX = 120_000;

function main([name = "", file = "", separator, ...command]: readonly string[]): void {
  const dialect = dialectNamed(name);
  if (dialect === undefined || separator !== "--" || command.length === 0) {
    process.stderr.write("usage: agent-host DIALECT OPENING.json -- PROGRAM [ARGUMENT…]\n");
    process.exitCode = 64;
    return;
  }
  const opening = Opening.parse(JSON.parse(readFileSync(file, "utf8")));
  const { openMs = OPEN_MS_MAX, ...rest } = opening;
  const reason = whyNot(opening.workspace, opening.guards ?? []);
  if (reason !== null) {
    process.stdout.write(`${noteLine({ kind: "failed", reason, retry: false })}\n`);
    process.exitCode = 78;
    return;
  }
  prepareRecord(opening, process.env["HOME"] ?? "", new Date());
  host({ dialect, opening: rest, openMs, command, env: environment() });
}

/** Ours, with a secret for each variable that asks for one: a password that nobody needs to know. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).map(([name, value]) => [
      name,
      value === "{random}" ? randomBytes(24).toString("hex") : value,
    ]),
  );

main(process.argv.slice(2));
