/** How each real program is configured in these tests: the model server is its provider, and there is no other place to go. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PLAIN } from "../../../src/agents/catalog.ts";
import type { AgentSettings } from "../../../src/agents/driver.ts";
import { commandOf, UNSHARE, type ProgramName } from "./programs.ts";

const PORT = 8900;
const URL_INSIDE = `http://127.0.0.1:${PORT}`;

export interface Setting {
  readonly settings: AgentSettings;
  /** HOME of the agents: their login and their conversations. */
  readonly home: string;
}

/** Settings of an agent in a namespace of its own. `directory` holds its HOME; `socket` is the model server's. */
export function settingOf(
  name: ProgramName,
  { directory, socket }: { readonly directory: string; readonly socket: string },
): Setting {
  const program = commandOf(name);
  if (program === null) throw new Error(`${name} is not installed`);
  const home = join(directory, "home");
  for (const [path, content] of Object.entries(filesOf(name))) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
  }
  const alone = fileURLToPath(new URL("alone.ts", import.meta.url));
  const command = ["unshare", ...UNSHARE, process.execPath, alone, socket, String(PORT), "--"];
  return {
    home,
    settings: {
      ...PLAIN,
      driver: name,
      command: [...command, ...program],
      env: { HOME: home, ...envOf(name) },
    },
  };
}

function envOf(name: ProgramName): Readonly<Record<string, string>> {
  switch (name) {
    case "claude":
      return { ANTHROPIC_BASE_URL: URL_INSIDE, ANTHROPIC_API_KEY: "sk-scripted" };
    case "codex":
      return { SCRIPTED_KEY: "scripted" };
    case "gemini":
      return { GEMINI_API_KEY: "scripted", GOOGLE_GEMINI_BASE_URL: URL_INSIDE };
    case "opencode":
      return {};
  }
}

/** A model that it knows: others get fewer tools. */
const CODEX = `model = "gpt-5.5"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${URL_INSIDE}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 1
`;

function filesOf(name: ProgramName): Readonly<Record<string, string>> {
  switch (name) {
    case "claude":
      return { ".claude.json": "{}" };
    case "codex":
      return { ".codex/config.toml": CODEX };
    case "gemini":
      return {
        ".gemini/settings.json": JSON.stringify({
          general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
          privacy: { usageStatisticsEnabled: false },
          telemetry: { enabled: false },
          security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
        }),
      };
    case "opencode":
      return {
        ".config/opencode/opencode.json": JSON.stringify({
          model: "scripted/scripted",
          permission: { "*": "allow" },
          provider: {
            scripted: {
              npm: "@ai-sdk/openai-compatible",
              options: { baseURL: `${URL_INSIDE}/v1`, apiKey: "scripted" },
              models: { scripted: { name: "Scripted" } },
            },
          },
        }),
      };
  }
}
