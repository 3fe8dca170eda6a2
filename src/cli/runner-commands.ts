/** The options of `orcha runner …`. */
import { Command, InvalidArgumentError, Option } from "commander";
import * as runner from "./runner.ts";

export function addRunners(root: Command): void {
  const group = root.command("runner").description("the machines that run sessions");
  group
    .command("add")
    .description("register a machine: pins its key, uploads the runner program, examines it")
    .argument("<name>", "what to call it")
    .argument("<target>", "ssh://user@host[:port], or local")
    .option(
      "--work-root <dir>",
      "where it keeps checkouts; default: ~/.local/share/orcha-runner/work",
    )
    .option("--slots <count>", "sessions at the same time", slots, 2)
    .option("--label <label>", "what it is good for; may be given several times", collect)
    .option("--identity <file>", "private key to log in with; default: the SSH agent's")
    .option("--jump <place>", "user@host[:port] of a machine that leads there")
    .addOption(
      new Option("--via <program>", "ssh: the system's own, for certificates and hardware keys")
        .choices(["library", "ssh"])
        .default("library"),
    )
    .option(
      "--accept <fingerprint>",
      "its host key, compared by a person; may be given twice",
      collect,
    )
    .option("--json", "machine-readable output")
    .action(runner.add);
  group
    .command("list")
    .description("all machines: state, link, slots")
    .option("--json", "machine-readable output")
    .action(runner.list);
  group
    .command("online")
    .description("examine it, and let it take sessions when nothing required fails")
    .argument("<name>", "its name (orcha runner list)")
    .option("--accept <fingerprint>", "its new host key, compared by a person", collect)
    .option("--json", "machine-readable output")
    .action(runner.online);
  for (const [name, description, action] of SIMPLE)
    group
      .command(name)
      .description(description)
      .argument("<name>", "its name (orcha runner list)")
      .option("--json", "machine-readable output")
      .action(action);
  group
    .command("exec")
    .description("run a program there, without a shell: orcha runner exec box -- df -h")
    .argument("<name>", "its name (orcha runner list)")
    .argument("<command...>", "program and arguments")
    .action(runner.execute);
}

const SIMPLE = [
  ["show", "one machine: where it is, what it does, what is wrong", runner.show],
  ["doctor", "examine a machine; each failure says what to do", runner.examine],
  ["drain", "let it take no new sessions; what runs there runs on", runner.drain],
  ["disable", "let it take no sessions, and stop what runs there", runner.disable],
  ["remove", "forget a machine on which no session is left", runner.remove],
] as const;

function slots(text: string): number {
  if (!/^[1-9]\d{0,3}$/u.test(text)) throw new InvalidArgumentError("a whole number from 1 on");
  return Number(text);
}

const collect = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  text,
];
