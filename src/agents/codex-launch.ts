/** How Codex is started: by arguments that override every configuration file, and with the login of the runner's user. */
import type { Launch, LaunchSpec } from "./driver.ts";
import { hosted } from "./hosted.ts";

/** What it may not do by itself: call home, update, take in plugins, hooks or what a repository would have it trust. */
const STRICT: readonly string[] = [
  "analytics.enabled=false",
  "check_for_update_on_startup=false",
  "features.plugins=false",
  "features.apps=false",
  "features.hooks=false",
  // Then the repository's own .codex is not read at all: no provider, no servers, no hooks.
  'projects={"{workspace}"={trust_level="untrusted"}}',
];

/** Where its login is, and the keys that it reads. */
const INHERITED = ["HOME", "CODEX_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_API_KEY"];

export const launchCodex = (spec: LaunchSpec): Launch =>
  hosted(spec, {
    dialect: "codex",
    command: ["codex", ...STRICT.flatMap((setting) => ["-c", setting]), "app-server"],
    env: {},
    inherit: INHERITED,
  });
