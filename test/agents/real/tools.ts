/** An MCP server in place of the relay, with two tools of ours, for attempts without a runner. */
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";

void serveStdio(() => {
  const server = new McpServer({ name: "orcha", version: "1" });
  server.registerTool(
    "ask_human",
    { description: "Asks a person.", inputSchema: z.object({ question: z.string() }) },
    ({ question }) => ({ content: [{ type: "text", text: JSON.stringify({ asked: question }) }] }),
  );
  server.registerTool(
    "report_result",
    { description: "Reports.", inputSchema: z.object({ what: z.string() }) },
    () => ({ content: [{ type: "text", text: '{"ok":true}' }] }),
  );
  return server;
});
