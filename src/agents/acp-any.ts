/**
 * Any program that speaks the Agent Client Protocol, by its command in the configuration. The profile decides when it
 * asks; what it does without asking, and what files of the repository mean to it, is its own.
 */
import { acpDriver } from "./acp.ts";

export const anyProgram = acpDriver({
  name: "acp",
  login: "log in on the runner as the program says, or pass its key on by `inherit`",
  // Not the name of a program: the configuration has to say it, and the failure to find this one says so.
  hosted: () => ({ dialect: "acp", command: ["acp-agent"], env: {}, inherit: ["HOME"] }),
});
