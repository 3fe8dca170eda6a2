/** The programs that speak the Agent Client Protocol: two that are known, and any other by its command. */
import { acpDriver } from "./acp.ts";

/** Needs a command in the configuration. The profile decides what it is allowed when it asks; what it does not ask about is its own. */
export const acp = acpDriver({
  name: "acp",
  login: "log in on the runner as the program says, or give its key by `inherit`",
  hosted: () => ({
    dialect: "acp",
    command: ["acp-agent"],
    env: {},
    inherit: ["HOME"],
  }),
});
