/**
 * Time, chance, processes and the network by name, in folders that must do without: there the clock is an argument,
 * ids are derived, and everything else is an effect. An exception stands here with its reason.
 */
import { expect, test } from "vitest";
import { codeOf, programFiles } from "./sources.ts";

const PURE = [
  "src/domain/",
  "src/agents/",
  "src/dialects/",
  "src/tools/",
  "src/lib/",
  "src/protocol/",
];
const SHELL = ["src/engine/", "src/markdown/"];
/** All that the simulation runs; the rest of the control plane is its surroundings. */
const SIMULATED = [
  ...PURE,
  ...SHELL,
  "src/store/",
  "src/inbox/",
  "src/github/",
  "src/fleet/fleet.ts",
  "src/compose/adapters.ts",
  "src/compose/github.ts",
  "src/compose/plane.ts",
  "src/app.ts",
];

const TIME =
  /\b(?:Date\.now|performance\.now|process\.hrtime|set(?:Timeout|Interval|Immediate)|queueMicrotask|AbortSignal\.timeout|process\.nextTick)\b|new Date\(\)|node:timers/gu;
const CHANCE =
  /\b(?:Math\.random|randomUUID|random(?:Bytes|Int|Fill\w*)|getRandomValues|(?<!node:)crypto\.\w+)\b/gu;
const WORLD =
  /\b(?:process\.(?!hrtime|nextTick)\w+|console\.\w+|globalThis\.\w+|XMLHttpRequest|WebSocket|EventSource)\b|(?<![.\w])fetch\(|"node:(?:child_process|dgram|dns|fs|fs\/promises|http|https|net|os|process|tls|worker_threads)"/gu;

const found = (folders: readonly string[], pattern: RegExp): readonly string[] =>
  programFiles
    .filter((file) => folders.some((folder) => file.startsWith(folder)))
    .flatMap((file) => [...codeOf(file).matchAll(pattern)].map(([name]) => `${file}: ${name}`));

const filesWith = (folders: readonly string[], pattern: RegExp): readonly string[] => [
  ...new Set(found(folders, pattern).map((one) => one.split(":", 1)[0] ?? "")),
];

test.for([
  ["time", TIME],
  ["chance", CHANCE],
  ["the world", WORLD],
] as const)("no %s in rules and engine", ([, pattern]) => {
  expect(found([...PURE, ...SHELL], pattern)).toEqual([]);
});

/** Everything else there is given its clock, its chance, its network and its disk. */
const SIMULATED_EXCEPTIONS = {
  time: {
    "src/github/push/git.ts":
      "deadline of a git command; the simulation gives a quarantine without git",
  },
  chance: {},
  "the world": {
    "src/github/client.ts": "the network when none was given",
    "src/github/push-gate.ts": "the directory of the quarantine when none was given",
    "src/github/push/git.ts": "runs git; the simulation gives a quarantine without it",
    "src/github/push/quarantine.ts": "the directory git works in",
    "src/inbox/front.ts": "the server GitHub posts to; the simulation calls what is behind it",
    "src/inbox/body.ts": "type of a request to the front",
    "src/store/backup.ts": "files of backups",
    "src/store/copy.ts": "files of backups",
    "src/store/line-index.ts": "files beside transcripts; the simulation has its own",
    "src/store/migrate.ts": "a copy before a migration; none of a database in memory",
    "src/store/segments.ts": "files of webhooks; the simulation has its own",
    "src/store/transcripts.ts": "files of transcripts; the simulation has its own",
  },
} as const;

test.for([
  ["time", TIME],
  ["chance", CHANCE],
  ["the world", WORLD],
] as const)(
  "no %s in what the simulation runs, but where it stands here with its reason",
  ([what, pattern]) => {
    expect(filesWith(SIMULATED, pattern)).toEqual(
      Object.keys(SIMULATED_EXCEPTIONS[what]).toSorted(),
    );
  },
);

/** Where the clock is read and timers are set: everybody else is given them. */
const CLOCKS = {
  "src/compose/clock.ts": "the Clock that everybody else is given",
  "src/compose/desk.ts": "how long an operator waits for a machine",
  "src/cli/serve.ts": "gives the control socket its clock",
  "src/cli/demo.ts": "seconds since the start, for the timeline",
  "src/demo/sshd.ts": "how long the demo's SSH server may take to start",
  "src/demo/objective.ts": "stands in a program that the demo's worker writes",
  "src/cli/attach.ts": "how often a person is told how a session is",
  "src/cli/takeover.ts": "how long a person waits for the end of a turn",
  "src/cli/try.ts": "time of day, for the timeline",
  "src/cli/logs.ts": "a net under the file system's notices",
  "src/fleet/link.ts": "deadline of a request to a daemon",
  "src/github/push/git.ts": "deadline of a git command",
} as const;

/** Where chance is drawn. */
const DRAWS = {
  "src/compose/chance.ts": "the Chance that the store is given",
  "src/cli/person.ts": "the name of a request, so that it can be sent again",
  "src/demo/hub.ts": "the webhook's secret of a demo",
  "src/ops/disk.ts": "a ballast that does not compress; the simulation has no disk",
} as const;

test.for([
  ["reads the clock", TIME, CLOCKS],
  ["draws", CHANCE, DRAWS],
] as const)("the control plane %s in few places, each with its reason", ([, pattern, places]) => {
  const users = filesWith(["src/"], pattern).filter((file) => !file.startsWith("src/emulator/"));
  expect(users).toEqual(Object.keys(places).toSorted());
});

/** A shell makes a command of whatever a text contains. Only these run what a repository's owner or its script wrote. */
const SHELLS = {
  "runners/program/instance-lock.ts": "one fixed line; paths are arguments of flock",
  "runners/program/prepare.ts": "setup commands of .github/orcha.yml of the default branch",
  "runners/program/keeper.ts": "the keeper is a POSIX sh script; what it runs comes as arguments",
  "runners/script-agent/actions.ts": "the step `run`, inside the agent",
  "src/fleet/shell.ts": "a person's own shell, without arguments",
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
  expect("AbortSignal.timeout(5)".match(TIME)).toEqual(["AbortSignal.timeout"]);
  expect('from "node:crypto"; randomBytes(4); randomFillSync(b)'.match(CHANCE)).toEqual([
    "randomBytes",
    "randomFillSync",
  ]);
  expect("await fetch(url)".match(WORLD)).toEqual(["fetch("]);
});
