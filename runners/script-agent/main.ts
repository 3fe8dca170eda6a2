#!/usr/bin/env node
/**
 * script-agent: a coding agent without a model. Started like any agent; what it does is written in its
 * brief (docs/script-agent.md).
 *
 *     script-agent --state DIR [-- <MCP server command…>]
 *
 * In: `{"type":"user","uuid","text"}` lines. Out: the lines of output.ts.
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { parseArgs } from "node:util";
import * as z from "zod/mini";
import { ScriptAgent } from "./agent.ts";
import { openMemory } from "./memory.ts";
import { write } from "./output.ts";
import { openToolbox } from "./toolbox.ts";

const UserLine = z.object({ type: z.literal("user"), uuid: z.string(), text: z.string() });

function main(argv: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { state: { type: "string" } },
  });
  if (values.state === undefined) {
    process.stderr.write("usage: script-agent --state DIR [-- <MCP server command…>]\n");
    process.exitCode = 64;
    return;
  }
  const agent = new ScriptAgent(openMemory(values.state), openToolbox(positionals));
  agent.begin();
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("line", (line) => {
    const message = parseLine(line);
    if (message === undefined)
      write(2, Buffer.from(`script-agent: not a message: ${line.slice(0, 200)}\n`));
    else agent.take(message.uuid, message.text);
  });
  // End of input: finish the turn, as real agents do. What hangs is ended by a signal.
  lines.on("close", () => void agent.idle().then(() => process.exit(0)));
}

function parseLine(line: string): z.infer<typeof UserLine> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Said on stderr by the caller.
    return undefined;
  }
  const parsed = UserLine.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

main(process.argv.slice(2));
