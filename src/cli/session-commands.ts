/** The options of the commands about one session: look at it, speak to it, take it over. */
import type { Command } from "commander";
import { attach } from "./attach.ts";
import { pull } from "./pull.ts";
import { resume, takeover } from "./takeover.ts";

const SESSION = "id of a session (orcha sessions)";

export function addHands(root: Command): void {
  root
    .command("attach")
    .description(
      "watch a session and speak to its agent: each line you type is a message, or an answer",
    )
    .argument("<session>", SESSION)
    .option("--shell", "a shell in its checkout instead, on the machine where that is")
    .option(
      "--tmux",
      "in a tmux session orcha-SESSION here, for plain tmux attach (ORCHA_TMUX=1: always)",
    )
    .action(attach);
  root
    .command("takeover")
    .description("stop a session's agent at the end of its turn and work in its checkout yourself")
    .argument("<session>", SESSION)
    .option("--now", "stop it at once")
    .option("--json", "machine-readable output")
    .action(takeover);
  root
    .command("resume")
    .description("give a session back: its agent goes on and hears what you changed")
    .argument("<session>", SESSION)
    .option("-m, --message <text>", "something else for the agent to know")
    .option("--json", "machine-readable output")
    .action(resume);
  root
    .command("pull")
    .description("bring a session's work, committed or not, into a clone of yours as a branch")
    .argument("<session>", SESSION)
    .argument("[dir]", "the clone", ".")
    .option("--branch <name>", "name of the branch; default: orcha/SESSION")
    .option("--json", "machine-readable output")
    .action(pull);
}
