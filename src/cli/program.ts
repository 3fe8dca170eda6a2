/** All commands with their options. `test/cli` compares the README's help with what this prints. */
import { Command, InvalidArgumentError, Option } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";
import { agents } from "./agents.ts";
import { backup } from "./backup.ts";
import { cancel } from "./cancel.ts";
import { dead } from "./dead.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { gc } from "./gc.ts";
import { logs } from "./logs.ts";
import { objectives } from "./objectives.ts";
import { CliError } from "./output.ts";
import { outbox } from "./outbox.ts";
import { restore } from "./restore.ts";
import { addRunners } from "./runner-commands.ts";
import { retry } from "./retry.ts";
import { serve } from "./serve.ts";
import { addHands } from "./session-commands.ts";
import { sessions } from "./sessions.ts";
import { tryGoal } from "./try.ts";

export function program(): Command {
  const root = new Command("orcha")
    .description("Turns labelled GitHub issues into sessions of coding agents on machines you own.")
    .version(version(), "-V, --version")
    .exitOverride((error) => {
      if (error.exitCode !== 0)
        throw new CliError(
          `${error.message.replace(/^error: /u, "")} (orcha --help lists the commands)`,
          2,
        );
      process.exit(0);
    })
    .configureOutput({ outputError: () => {} });
  addServing(root);
  addLooking(root);
  addHands(root);
  addRunners(root);
  addKeeping(root);
  return root;
}

function addServing(root: Command): void {
  root
    .command("serve")
    .description("run the control plane: webhooks in, agents on the runner, results on GitHub")
    .option(
      "--unsafe-local",
      "run agents on this machine, too, as the user that holds the App's key",
    )
    .action(serve);
  root
    .command("demo")
    .description("play a whole objective on this machine: no account, no network")
    .option("--serve", "keep everything up afterwards, to play by hand")
    .option("--ssh", "let the sessions run over SSH, on an SSH server that it starts itself")
    .option("--port <port>", "port of the emulated GitHub", port, 0)
    .action(demo);
  root
    .command("try")
    .description("work on a goal in a local repository with an agent, against the emulated GitHub")
    .argument("<goal>", "what to do: a title, or a whole issue text")
    .option("--repo <path>", "repository to work on; it is copied, never changed", ".")
    .addOption(new Option("--agent <name>", "agent to run").default("script"))
    .option("--steps <file>", "JSON file with the steps of the script agent")
    .option("--once", "end when nothing is going on any more")
    .option("--port <port>", "port of the emulated GitHub", port, 0)
    .action(tryGoal);
  root
    .command("doctor")
    .description("check configuration, GitHub App and runner; say what to do")
    .option("--json", "machine-readable output")
    .action(doctor);
}

function addLooking(root: Command): void {
  root
    .command("objectives")
    .description("list objectives")
    .option("--all", "ended ones, too")
    .option("--json", "machine-readable output")
    .action(objectives);
  root
    .command("sessions")
    .description("list sessions: who works on what, where, since when")
    .option("--all", "ended ones, too")
    .option("--json", "machine-readable output")
    .action(sessions);
  root
    .command("agents")
    .description("list which agents each machine has, in which version, logged in or not")
    .option("--json", "machine-readable output")
    .action(agents);
  root
    .command("logs")
    .description("show what a session said and did")
    .argument("<session>", "id of a session (orcha sessions)")
    .option("-f, --follow", "go on as it goes on")
    .option("--raw", "the agent's own output, line by line")
    .option("--from <line>", "only a page of one attempt, from this line of its output on", whole)
    .option("--lines <count>", "lines of the page (default: 100)", whole)
    .option("--attempt <number>", "attempt of the page (default: the newest)", whole)
    .action(logs);
  root
    .command("cancel")
    .description("cancel an objective or a session")
    .argument("<id>", "id of an objective or session")
    .option("--json", "machine-readable output")
    .action(cancel);
  root
    .command("outbox")
    .description("what has still to be done on GitHub and runners, and what could not be done")
    .addOption(
      new Option("--state <state>", "which ones")
        .choices(["pending", "done", "refused", "dead", "replaced", "all"])
        .default("pending"),
    )
    .option("--json", "machine-readable output")
    .action(outbox);
}

function addKeeping(root: Command): void {
  root
    .command("dead")
    .description("what was given up, with the reason: webhooks, events, effects")
    .option("--json", "machine-readable output")
    .action(dead);
  root
    .command("retry")
    .description("try something that was given up once more")
    .argument("<key>", "its key (orcha dead)")
    .option("--json", "machine-readable output")
    .action(retry);
  root
    .command("backup")
    .description("write a checked copy of the database, also while the server runs")
    .argument("[file]", "where to; default: <data directory>/backups")
    .option("--json", "machine-readable output")
    .action(backup);
  root
    .command("restore")
    .description("put a backup into the data directory; the next serve takes over with it")
    .argument("<file>", "a file written by orcha backup, or one of <data directory>/backups")
    .option("--json", "machine-readable output")
    .action(restore);
  root
    .command("gc")
    .description("free runners' disks now, and say of every checkout why it goes or stays")
    .argument("[runner]", "only this one (orcha runner list)")
    .option("--dry-run", "change nothing, only say what would go")
    .option("--json", "machine-readable output, with what is kept of checkouts that are gone")
    .action(gc);
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,14}$/u.test(text)) throw new InvalidArgumentError("a whole number from 1 on");
  return Number(text);
}

function port(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError("a port is a whole number from 0 to 65535.");
  return number;
}

function version(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    const text = readIfThere(new URL(up, import.meta.url));
    const match = text === null ? null : /"version": "(?<version>[^"]+)"/u.exec(text);
    if (match?.groups?.["version"] !== undefined) return match.groups["version"];
  }
  return "unknown";
}

function readIfThere(url: URL): string | null {
  try {
    return readFileSync(url, "utf8");
  } catch {
    // Another depth: sources and the published package differ by one folder.
    return null;
  }
}
