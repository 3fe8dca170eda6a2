/**
 * Time, chance, processes and the network by name, in folders that must do without: there the clock is an argument,
 * ids are derived, and everything else is an effect. An exception stands here with its reason.
 */
import { expect, test } from "vitest";
import { codeOf, programFiles } from "./sources.ts";

const PURE = ["src/domain/", "src/agents/", "src/tools/", "src/lib/", "src/protocol/"];
const SHELL = ["src/engine/", "src/markdown/"];

const TIME =
  /\b(?:Date\.now|performance\.now|process\.hrtime|set(?:Timeout|Interval|Immediate)|queueMicrotask)\b|new Date\(\)/gu;
const CHANCE =
  /\b(?:Math\.random|randomUUID|randomBytes|randomInt|getRandomValues|crypto\.\w+)\b/gu;
const WORLD =
  /\b(?:process\.\w+|console\.\w+|globalThis\.\w+|XMLHttpRequest|WebSocket)\b|(?<![.\w])fetch\(/gu;

const TIME_ONCE = new RegExp(TIME.source, "u");

const found = (folders: readonly string[], pattern: RegExp): readonly string[] =>
  programFiles
    .filter((file) => folders.some((folder) => file.startsWith(folder)))
    .flatMap((file) => [...codeOf(file).matchAll(pattern)].map(([name]) => `${file}: ${name}`));

test.for([
  ["time", TIME],
  ["chance", CHANCE],
  ["the world", WORLD],
] as const)("no %s in rules and engine", ([, pattern]) => {
  expect(found([...PURE, ...SHELL], pattern)).toEqual([]);
});

/** Where the clock is read and timers are set: everybody else is given them. */
const CLOCKS = {
  "src/compose/clock.ts": "the Clock that everybody else is given",
  "src/cli/serve.ts": "gives the control socket its clock",
  "src/cli/demo.ts": "seconds since the start, for the timeline",
  "src/demo/objective.ts": "stands in a program that the demo's worker writes",
  "src/cli/try.ts": "time of day, for the timeline",
  "src/cli/logs.ts": "a net under the file system's notices",
  "src/fleet/local.ts": "waits for a daemon that is starting",
  "src/github/push/git.ts": "deadline of a git command",
} as const;

test("the control plane reads the clock in few places, each with its reason", () => {
  const readers = programFiles.filter(
    (file) =>
      file.startsWith("src/") && !file.startsWith("src/emulator/") && TIME_ONCE.test(codeOf(file)),
  );
  expect(readers).toEqual(Object.keys(CLOCKS).toSorted());
});

/** A shell makes a command of whatever a text contains. Only these run what a repository's owner or its script wrote. */
const SHELLS = {
  "runners/program/doctor.ts": "`command -v` of a name given as an argument",
  "runners/program/instance-lock.ts": "one fixed line; paths are arguments of flock",
  "runners/program/prepare.ts": "setup commands of .github/orcha.yml of the default branch",
  "runners/program/keeper.ts": "the keeper is a POSIX sh script; what it runs comes as arguments",
  "runners/script-agent/actions.ts": "the step `run`, inside the agent",
} as const;

test("no shell but where a person's command line is what shall run", () => {
  const users = programFiles.filter((file) =>
    /shell: true|"(?:\/bin\/)?(?:ba)?sh"|\bexecSync\b|(?<![.\w])exec\(/u.test(codeOf(file)),
  );
  expect(users).toEqual(Object.keys(SHELLS).toSorted());
});

test("the pattern finds what it is for", () => {
  expect("const t = Date.now(); setTimeout(f, 1)".match(TIME)).toEqual(["Date.now", "setTimeout"]);
  expect("new Date(at)".match(TIME)).toBeNull();
  expect("await fetch(url)".match(WORLD)).toEqual(["fetch("]);
});
