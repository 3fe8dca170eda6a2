/** What each profile lets Claude Code do: which of its tools are not even offered, and what its prompts are answered. */
import type { Opening, Profile } from "./dialect.ts";

const EDITING = ["Edit", "MultiEdit", "NotebookEdit", "Write"] as const;
const SHELL = ["Bash", "BashOutput", "KillShell", "Monitor", "PowerShell"] as const;
const NETWORK = ["WebFetch", "WebSearch"] as const;
/** They wait for a person at a screen, or for a time when the process is long gone. */
const NEVER = ["AskUserQuestion", "EnterPlanMode", "CronCreate", "ScheduleWakeup"] as const;

/** Tools that look, plan, or hand to another that asks for itself. */
const LOOKING: ReadonlySet<string> = new Set([
  "Agent",
  "ExitPlanMode",
  "Glob",
  "Grep",
  "LS",
  "ListMcpResourcesTool",
  "NotebookRead",
  "Read",
  "ReadMcpResourceTool",
  "Skill",
  "Task",
  "TaskCreate",
  "TaskGet",
  "TaskList",
  "TaskUpdate",
  "TodoWrite",
  "ToolSearch",
]);

/** For `--disallowedTools`: a rule of the program itself, before any prompt. */
export function withheld(profile: Profile): readonly string[] {
  switch (profile) {
    case "read-only":
      return [...NEVER, ...EDITING, ...SHELL, ...NETWORK];
    case "edit":
      return [...NEVER, ...NETWORK];
    case "edit+network":
    case "full":
      return NEVER;
  }
}

export function permitted(
  tool: string,
  { profile, servers }: Pick<Opening, "profile" | "servers">,
): { readonly allowed: boolean; readonly why: string } {
  if (tool === "AskUserQuestion")
    return { allowed: false, why: "nobody reads this; ask with the tool ask_human" };
  const server = /^mcp__(?<server>.+?)__/u.exec(tool)?.groups?.["server"];
  if (server !== undefined && Object.hasOwn(servers, server))
    return { allowed: true, why: `${server} is configured` };
  const refused =
    server !== undefined ||
    withheld(profile).includes(tool) ||
    (profile === "read-only" && !LOOKING.has(tool));
  return refused
    ? { allowed: false, why: `the profile ${profile} does not allow ${tool}` }
    : { allowed: true, why: `the profile ${profile} allows it` };
}
