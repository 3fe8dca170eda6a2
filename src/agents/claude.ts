/**
 * Driver of Claude Code. Its lines are read in claude-lines.ts; here is how it is started, and what its state is.
 *
 * What a line means does not depend on how the bytes came, and a line that is read again says the same again; only an
 * echo of a message and the first words of the conversation are said once.
 */
import { createHash } from "node:crypto";
import { withheld } from "../dialects/claude-permissions.ts";
import { findingsOf, type Known } from "./claude-lines.ts";
import type { AgentDriver, Launch, LaunchSpec } from "./driver.ts";
import { hosted, relayOf } from "./hosted.ts";
import { readNote } from "./notes.ts";

/** A tool of ours may wait for a person. */
const CALL_MS_MAX = 24 * 60 * 60_000;

const ENV: Readonly<Record<string, string>> = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
  // The default is ten, with forty seconds of silence between the last ones.
  CLAUDE_CODE_MAX_RETRIES: "3",
  // Without it the program refuses to run as root with all permissions.
  IS_SANDBOX: "1",
};

/** Where its login is, and which provider it asks. Bedrock and Vertex need more: `inherit` in the configuration. */
const INHERIT = [
  "HOME",
  "USER",
  "CLAUDE_CONFIG_DIR",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "ANTHROPIC_BASE_URL",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
] as const;

const TOLD =
  "Questions to people go through the tool ask_human; nothing else reaches them. If the workspace has a CLAUDE.md, read it first: it holds the project's rules.";

export const claude: AgentDriver<Known> = {
  name: "claude",
  launch,
  initial: () => ({ conversation: null, resetAt: null }),
  reduce(state, line) {
    const note = readNote(line);
    if (note === null) return findingsOf(state, line);
    // The conversation can be resumed only when it has its first words: the program says so itself.
    const findings = note.findings.filter(({ kind }) => kind !== "conversation");
    return { state, findings };
  },
};

function launch(spec: LaunchSpec): Launch {
  const { conversation, settings } = spec;
  const { profile, model, servers } = settings;
  const id = conversation ?? conversationOf(spec);
  const all = { ...servers, orcha: relayOf(spec.session) };
  const entries = Object.entries(all).map(([name, { command, args, env }]) => [
    name,
    // `alwaysLoad`: otherwise tools hide behind a search.
    { type: "stdio", command, args, env, timeout: CALL_MS_MAX, alwaysLoad: true },
  ]);
  return hosted(
    { ...spec, conversation: id },
    {
      dialect: "claude",
      command: [
        "claude",
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--replay-user-messages",
        ...(conversation === null ? ["--session-id", id] : ["--resume", id]),
        "--mcp-config",
        "{state}/mcp.json",
        "--strict-mcp-config",
        // Nothing that stands in a repository sets addresses, hooks or permissions.
        "--setting-sources",
        "user",
        "--permission-mode",
        profile === "full" ? "bypassPermissions" : "default",
        "--permission-prompt-tool",
        "stdio",
        "--disallowedTools",
        withheld(profile).join(","),
        "--append-system-prompt",
        TOLD,
        ...(model === null ? [] : ["--model", model]),
      ],
      env: ENV,
      inherit: INHERIT,
      files: [
        {
          path: "mcp.json",
          content: `${JSON.stringify({ mcpServers: Object.fromEntries(entries) })}\n`,
        },
      ],
    },
  );
}

/** An id is used for one conversation only: an attempt that begins anew has its own. */
function conversationOf({ session, attempt }: LaunchSpec): string {
  const hex = createHash("sha256").update(`${session}/${attempt}`).digest("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
  return [...parts, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}
