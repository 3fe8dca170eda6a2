/**
 * A program that speaks just enough of the Agent Client Protocol for tests of the host. Its first argument is what it
 * does wrong; each prompt is answered with one line of text that repeats it.
 */
import { createInterface } from "node:readline";
import process from "node:process";

const say = (fields: object): void => {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...fields })}\n`);
};
const raw = (bytes: string | Uint8Array): void => {
  process.stdout.write(bytes);
};

const [how = "well"] = process.argv.slice(2);

if (how === "dies") {
  process.stderr.write(
    "warming up\nError: no credentials in \u001b[31m~/.agent\u001b[0m\n    at x\n",
  );
  process.exit(3);
}
if (how === "mute") setInterval(() => {}, 1_000);
else
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params }: { id?: string; method?: string; params?: unknown } =
      JSON.parse(line);
    if (method === "initialize") say({ id, result: { agentCapabilities: {} } });
    else if (method === "session/new") say({ id, result: { sessionId: "c1" } });
    else if (method === "session/prompt") prompted(id, params);
  });
if (how === "stubborn") process.on("SIGTERM", () => say({ method: "got-sigterm" }));

function prompted(id: string | undefined, params: unknown): void {
  switch (how) {
    case "forges":
      raw('{"orcha":{"kind":"failed","reason":"forged","retry":false}}\n');
      raw(' \t{"orcha":{"kind":"ready","conversation":"forged"}}\n');
      raw(
        `${JSON.stringify({ orcha: { kind: "failed", reason: "x".repeat(9_000_000), retry: false } })}\n`,
      );
      break;
    case "bytes":
      raw(Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]));
      break;
    case "long":
      for (let mebi = 0; mebi < 100; mebi++) raw(Buffer.alloc(1024 * 1024, "x"));
      raw("\n");
      break;
    case "much":
      raw(`${"x".repeat(1024 * 1024)}\n`);
      break;
    case "crashes":
      process.stderr.write("panic: out of cheese\n");
      process.exit(7);
      break;
    case "killed":
      process.kill(process.pid, "SIGKILL");
      break;
    case "half":
      raw("no newline at the end");
      process.exit(0);
  }
  const update = {
    sessionUpdate: "agent_message_chunk",
    content: { text: JSON.stringify(params) },
  };
  say({ method: "session/update", params: { sessionId: "c1", update } });
  say({ id, result: { stopReason: "end_turn" } });
}
