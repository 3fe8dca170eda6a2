/** What every command line may expect: help, one line per failure, exit codes, JSON, and a clear word to an old Node. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { program } from "../../src/cli/program.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { called, dataDir, orcha } from "./run.ts";

const place = () => mkdtempDisposableSync(join(tmpdir(), "orcha-"));
const none = "ses_00000000000000000000";

test("help lists all commands, and every command says what it does", async () => {
  using directory = place();
  const { code, stdout } = await orcha(["--help"], { directory: directory.path });
  expect(code).toBe(0);
  for (const command of program().commands) {
    expect(stdout).toContain(`  ${command.name()} `);
    expect(command.description(), command.name()).toMatch(/^[a-z].*[^.]$/u);
  }
  expect((await orcha(["--version"], { directory: directory.path })).stdout).toMatch(
    /^\d+\.\d+\.\d+\n$/u,
  );
});

test.for([
  { what: "unknown command", args: ["dance"], code: 2, says: "unknown command 'dance'" },
  { what: "unknown option", args: ["demo", "--fast"], code: 2, says: "unknown option '--fast'" },
  {
    what: "missing argument",
    args: ["logs"],
    code: 2,
    says: "missing required argument 'session'",
  },
  {
    what: "a port that is none",
    args: ["demo", "--port", "x"],
    code: 2,
    says: "a port is a whole number",
  },
  {
    what: "an agent that is not there",
    args: ["try", "--agent", "hal", "x"],
    code: 2,
    says: 'no agent "hal"',
  },
  { what: "a script agent without steps", args: ["try", "x"], code: 2, says: "give --steps FILE" },
  {
    what: "steps that are not there",
    args: ["try", "--steps", "no.json", "x"],
    code: 2,
    says: "cannot read no.json",
  },
  { what: "nothing to look at", args: ["objectives"], code: 3, says: "orcha serve" },
  {
    what: "a page that would go on",
    args: ["logs", none, "--from", "1", "--follow"],
    code: 2,
    says: "a page ends",
  },
  { what: "no logs yet", args: ["logs", none], code: 3, says: "no data here yet" },
  {
    what: "cancel without a server",
    args: ["cancel", none],
    code: 3,
    says: "start it with: orcha serve",
  },
])("$what: exit code $code and what to do", async ({ args, code, says }) => {
  using directory = place();
  const ran = await called(args, directory.path);
  expect(ran).toMatchObject({ code, stdout: "" });
  expect(ran.stderr).toContain(says);
});

test("a failure is one line on standard error and an exit code, as the shell sees it", async () => {
  using directory = place();
  const ran = await orcha(["serve"], { directory: directory.path });
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toMatch(/^orcha: APP_ID is not set/u);
  expect(ran.stderr).not.toMatch(/^ +at /mu);
});

test("without a server, reading commands read the database, say so, and print JSON for scripts", async () => {
  using directory = place();
  mkdirSync(dataDir(directory.path));
  await (await openSqlite(join(dataDir(directory.path), "orcha.db"), { now: () => 1 })).close();
  for (const command of ["objectives", "sessions", "outbox"]) {
    const ran = await called([command, "--json"], directory.path);
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual([]);
    expect(ran.stderr).toContain("no server is running");
  }
  expect((await called(["logs", none], directory.path)).code).toBe(4);
});

const SYSTEM_NODE = "/usr/bin/node";
const systemMajor = existsSync(SYSTEM_NODE)
  ? Number(
      execFileSync(SYSTEM_NODE, ["-p", "process.versions.node.split('.')[0]"], {
        encoding: "utf8",
      }),
    )
  : Infinity;

// Only where the machine's own Node is too old can one see that it is refused.
test.skipIf(systemMajor >= 24)(
  "an older Node is refused in one line, before anything is loaded",
  async () => {
    using directory = place();
    const ran = await orcha(["demo"], { directory: directory.path, node: SYSTEM_NODE });
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^orcha needs Node 24 or newer; this is v\d+.*\n$/u);
  },
);
