/**
 * OpenCode by the Agent Client Protocol. Configuration in the environment stands above all files, and the repository's
 * own is not read. Version 1.18 runs the repository's plugins all the same, whatever it is told: it is not started while
 * there are any. It tells usage of its last request only; cost of all.
 */
import { acpDriver } from "./acp.ts";
import type { LaunchSpec } from "./driver.ts";
import type { Guard, Profile } from "../dialects/dialect.ts";
import type { Hosted } from "./hosted.ts";

export const opencode = {
  ...acpDriver({
    name: "opencode",
    login:
      "log in on the runner (`opencode auth login`) or pass the provider's key on by `inherit`",
    hosted: launch,
  }),
  bound: true,
} as const;

/** A call of ours may wait for a person. */
const TOOL_MS_MAX = 24 * 60 * 60_000;

function launch({ settings: { profile, model, servers } }: LaunchSpec): Hosted {
  const config = {
    ...(model === null ? {} : { model }),
    autoupdate: false,
    share: "disabled",
    permission: permissionsOf(profile, [...Object.keys(servers), "orcha"]),
    experimental: { mcp_timeout: TOOL_MS_MAX },
  };
  return {
    dialect: "acp",
    command: ["opencode", "acp"],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
      OPENCODE_DISABLE_PROJECT_CONFIG: "1",
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_SHARE: "1",
      // It listens on a port of this machine, for whoever knows the password: nobody.
      OPENCODE_SERVER_PASSWORD: "{random}",
    },
    inherit: INHERITED,
    guards: GUARDS,
  };
}

const HARMLESS = ["$schema", "instructions", "theme", "keybinds", "tui", "username"];

const GUARDS: readonly Guard[] = [
  { path: ".opencode/plugin", harmless: [] },
  { path: ".opencode/plugins", harmless: [] },
  ...["opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"].map(
    (path) => ({ path, harmless: HARMLESS }),
  ),
];

const INHERITED = [
  "HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "ANTHROPIC_API_KEY",
  "OPENAI_API_KEY",
  "GEMINI_API_KEY",
  "OPENROUTER_API_KEY",
];

/** Later rules win. */
function permissionsOf(
  profile: Profile,
  servers: readonly string[],
): Readonly<Record<string, "allow" | "deny">> {
  switch (profile) {
    case "full":
      return { "*": "allow", question: "deny" };
    case "edit+network":
      return { "*": "allow", external_directory: "deny", question: "deny" };
    case "edit":
      return {
        "*": "allow",
        external_directory: "deny",
        question: "deny",
        webfetch: "deny",
        websearch: "deny",
        codesearch: "deny",
      };
    case "read-only":
      return {
        "*": "deny",
        read: "allow",
        grep: "allow",
        glob: "allow",
        list: "allow",
        todowrite: "allow",
        todoread: "allow",
        skill: "allow",
        ...Object.fromEntries(servers.map((name) => [`${name}_*`, "allow"] as const)),
      };
  }
}
