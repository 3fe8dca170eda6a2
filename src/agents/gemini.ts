/**
 * Gemini CLI by the Agent Client Protocol.
 *
 * In a folder that it does not trust it starts no MCP server, ours neither; in one that it trusts, the repository's
 * `.gemini` counts, and stands above all settings but those of the machine's administrator. So the folder is trusted,
 * and the agent is not started while something is in there that names servers, commands, hooks or addresses. A `.env`
 * sets only variables that are not set: those that say where requests go are. Its own
 * statistics are off only if the settings of the runner's user say so.
 */
import type { Guard } from "../dialects/dialect.ts";
import { acpDriver } from "./acp.ts";
import type { LaunchSpec } from "./driver.ts";
import type { Hosted } from "./hosted.ts";

export const gemini = acpDriver({
  name: "gemini",
  login: "log in on the runner (`gemini`) or give GEMINI_API_KEY",
  hosted: launch,
});

function launch({ settings: { profile, model, servers, inherit } }: LaunchSpec): Hosted {
  const names = [...Object.keys(servers), "orcha"];
  return {
    dialect: "gemini",
    command: [
      "gemini",
      "--acp",
      ...names.flatMap((name) => ["--allowed-mcp-server-names", name]),
      "--extensions=none",
      `--approval-mode=${profile === "full" ? "yolo" : "default"}`,
      ...(model === null ? [] : ["--model", model]),
    ],
    env: {
      ...Object.fromEntries(Object.entries(PINNED).filter(([name]) => !inherit.includes(name))),
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_CLI_TRUST_WORKSPACE: "true",
    },
    inherit: INHERITED,
    guards: GUARDS,
    record: "gemini",
  };
}

/** Where its login is, and the keys that it reads. */
const INHERITED = [
  "HOME",
  "GEMINI_API_KEY",
  "GOOGLE_API_KEY",
  "GOOGLE_CLOUD_PROJECT",
  "GOOGLE_CLOUD_LOCATION",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "GOOGLE_GENAI_USE_VERTEXAI",
  "GOOGLE_GENAI_USE_GCA",
];

/** Another address or proxy is given by the agent's `env` or `inherit`. Empty = the default. */
const PINNED: Readonly<Record<string, string>> = {
  GOOGLE_GEMINI_BASE_URL: "",
  GOOGLE_VERTEX_BASE_URL: "",
  CODE_ASSIST_ENDPOINT: "https://cloudcode-pa.googleapis.com",
  HTTPS_PROXY: "",
  https_proxy: "",
  HTTP_PROXY: "",
  http_proxy: "",
  ALL_PROXY: "",
  all_proxy: "",
  NODE_TLS_REJECT_UNAUTHORIZED: "1",
  GEMINI_SANDBOX: "false",
};

const GUARDS: readonly Guard[] = [
  { path: ".gemini/.env", harmless: [] },
  { path: ".gemini/extensions", harmless: [] },
  { path: ".gemini/policies", harmless: [] },
  { path: ".gemini/agents", harmless: [] },
  {
    path: ".gemini/settings.json",
    harmless: ["$schema", "context", "contextFileName", "output", "ui", "ide"],
  },
];
