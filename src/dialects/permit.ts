/** What a profile allows when the agent asks. The kinds are those of ACP; other agents' requests are put into them. */
import type { Profile } from "./dialect.ts";

export type ToolKind =
  | "read"
  | "edit"
  | "delete"
  | "move"
  | "search"
  | "execute"
  | "think"
  | "fetch"
  /** A tool of an MCP server that the configuration names. */
  | "server"
  | "other";

export interface Permit {
  readonly allowed: boolean;
  readonly why: string;
}

export function permit(profile: Profile, kind: ToolKind): Permit {
  const allowed = profile === "full" || ALLOWED[profile].has(kind);
  return { allowed, why: `profile ${profile}` };
}

const READING: readonly ToolKind[] = ["read", "search", "think", "server"];
const EDITING: readonly ToolKind[] = [...READING, "edit", "delete", "move", "execute", "other"];

const ALLOWED: Readonly<Record<Exclude<Profile, "full">, ReadonlySet<ToolKind>>> = {
  "read-only": new Set(READING),
  edit: new Set(EDITING),
  "edit+network": new Set([...EDITING, "fetch"]),
};
