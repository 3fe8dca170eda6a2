/** What a Codex thread is opened with. Everything here holds for a resumed thread as well. */
import type { Opening, Profile } from "./dialect.ts";

/** A call of ours may wait for a person. In seconds. */
const TOOL_SECONDS_MAX = 24 * 60 * 60;

/**
 * By the protocol and not by arguments: what stands in a command line, every user of the machine can read. Servers of the
 * runner's user stay; ours is there or the thread is not opened.
 */
export function threadOf({ workspace, profile, model, servers }: Opening): object {
  const entries = Object.entries(servers).map(([name, { command, args, env }]) => [
    `mcp_servers.${name}`,
    {
      command,
      args,
      env,
      tool_timeout_sec: TOOL_SECONDS_MAX,
      default_tools_approval_mode: "approve",
      required: name === "orcha",
    },
  ]);
  return {
    cwd: workspace,
    ...(model === null ? {} : { model }),
    // Nobody sits there: what the sandbox does not allow fails at once, and the agent sees why.
    approvalPolicy: "never",
    sandbox: SANDBOXES[profile],
    config: {
      ...Object.fromEntries(entries),
      ...(profile === "edit" || profile === "edit+network"
        ? {
            // Commits are the agent's work, and Codex protects the repository's own directory.
            "sandbox_workspace_write.writable_roots": [`${workspace}/.git`],
            "sandbox_workspace_write.network_access": profile === "edit+network",
          }
        : {}),
      ...(profile === "read-only" || profile === "edit" ? { web_search: "disabled" } : {}),
    },
  };
}

const SANDBOXES: Readonly<Record<Profile, string>> = {
  "read-only": "read-only",
  edit: "workspace-write",
  "edit+network": "workspace-write",
  full: "danger-full-access",
};

/** Codex shows tools of servers to the model only when it searches for them. */
export const instructionsOf = ({ servers }: Opening): string =>
  `You work unattended: nobody reads your answers or sees a prompt. The tools of the MCP server "orcha" (namespace mcp__orcha) are how you ask, report and hand over; find them with tool_search when they are not listed. Questions to people go through its tool ask_human only.${
    Object.keys(servers).length > 1
      ? ` Other servers: ${Object.keys(servers)
          .filter((name) => name !== "orcha")
          .join(", ")}.`
      : ""
  }`;
