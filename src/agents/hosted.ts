/** How agents under the agent host (runners/agent-host) are started: the same for all but the program. */
import type { Guard, Opening, ServerSpec } from "../dialects/dialect.ts";
import type { Launch, LaunchSpec } from "./driver.ts";

export interface Hosted {
  readonly dialect: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The runner's variables that this program needs, besides the configured ones. */
  readonly inherit: readonly string[];
  readonly files?: Launch["files"];
  readonly guards?: readonly Guard[];
  readonly record?: "gemini";
}

/** Where the host finds what the conversation is opened with, below the session's state directory. */
const OPENING = "opening.json";

export function hosted(
  spec: LaunchSpec,
  { dialect, command, env, inherit, files, guards, record }: Hosted,
): Launch {
  const { settings } = spec;
  return {
    command: [
      "{node}",
      "{program}/agent-host.mjs",
      dialect,
      `{state}/${OPENING}`,
      "--",
      ...(settings.command.length > 0 ? [...settings.command, ...command.slice(1)] : command),
    ],
    env: { ...env, ...settings.env },
    inherit: [...inherit, ...settings.inherit],
    files: [
      ...(files ?? []),
      {
        path: OPENING,
        content: `${JSON.stringify({ ...openingOf(spec), guards, record })}\n`,
      },
    ],
  };
}

/** The relay carries the mark of the session, because one of the agents clears the environment of MCP servers. */
export const relayOf = (session: string): ServerSpec => ({
  command: "{node}",
  args: ["{relay}", "{socket}"],
  env: { ORCHA_SESSION: session },
});

function openingOf({ session, conversation, settings }: LaunchSpec): Opening {
  const { profile, model, servers } = settings;
  return {
    workspace: "{workspace}",
    session,
    conversation,
    profile,
    model,
    servers: { ...servers, orcha: relayOf(session) },
  };
}
