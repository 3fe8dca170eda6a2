/** The agent's MCP client. Started with the first tool step: most workers speak to us only at the end. */
import process from "node:process";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

/** A call may wait for a person. */
const CALL_MS_MAX = 24 * 60 * 60_000;
/** How the runner says that nobody could decide yet. */
const NOT_DECIDED = "not decided yet";

export interface ToolResult {
  readonly isError: boolean;
  readonly text: string;
}

export interface Toolbox {
  /** Rejects when the server cannot be reached. */
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<ToolResult>;
}

export function openToolbox(command: readonly string[]): Toolbox {
  let connecting: Promise<Client> | undefined;
  const once = async (
    tool: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<ToolResult> => {
    connecting ??= connect(command);
    const client = await connecting;
    const result = await client.callTool(
      { name: tool, arguments: { ...args } },
      { timeout: CALL_MS_MAX },
    );
    const texts = result.content.map((part) =>
      part.type === "text" ? part.text : `(${part.type})`,
    );
    return { isError: result.isError === true, text: texts.join("\n") };
  };
  return {
    async call(tool, args) {
      for (;;) {
        const result = await once(tool, args);
        if (!result.isError || !result.text.startsWith(NOT_DECIDED)) return result;
      }
    },
  };
}

async function connect([command, ...args]: readonly string[]): Promise<Client> {
  if (command === undefined) throw new Error("no MCP server was given on the command line");
  const client = new Client({ name: "script-agent", version: "1" });
  // The whole environment: the session's mark is in it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  await client.connect(new StdioClientTransport({ command, args, env, stderr: "inherit" }));
  return client;
}
