/** `.github/orcha.yml`: defaults, and mistakes that name line, key, value and what is allowed. */
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { parseRepositoryConfig } from "../../src/github/repository-config.ts";

test("everything has a default, everything can be set", () => {
  for (const text of ["", "# nothing\n", "{}"])
    expect(parseRepositoryConfig(text)).toEqual({ ok: true, config: DEFAULT_CONFIG });
  const text = `
label: task
agent: claude
setup:
  - npm ci
pr:
  draft: always
on_done: keep-open
limits:
  workers: 3
workspace:
  sparse: [packages/api, "docs of ours"]
  partial: false
`;
  expect(parseRepositoryConfig(text)).toEqual({
    ok: true,
    config: {
      label: "task",
      agent: "claude",
      setup: ["npm ci"],
      pr: { draft: "always" },
      onDone: "keep-open",
      limits: { workers: 3 },
      workspace: { sparse: ["packages/api", "docs of ours"] },
    },
  });
});

test.for([
  ["labl: x", 1, "unknown key `labl`; known here: label, agent, setup, pr, on_done, limits"],
  [
    "label: x\npr:\n  draft: never",
    3,
    '`pr.draft` is "never", but must be one of: until-reported, always',
  ],
  ["pr:\n  daft: always", 2, "unknown key `pr.daft`; known here: draft"],
  ["setup:\n  - a\n  - 5", 3, "`setup.1` is 5, but must be a text"],
  ["setup: npm ci", 1, '`setup` is "npm ci", but must be a list'],
  ["limits:\n\n  workers: 0", 3, "`limits.workers` is 0, but must be at least 1"],
  ["limits:\n  workers: many", 2, '`limits.workers` is "many", but must be a number'],
  ["limits:\n  workers: 1.5", 2, "`limits.workers` is 1.5, but must be a whole number"],
  ["agent: Foo Bar", 1, '`agent` is "Foo Bar", but must be an agent\'s name, such as `script`'],
  ["label:", 1, "`label` is null, but must be a text"],
  ["- 1", 1, "the file must be a table of keys and values"],
  ["just text", 1, "the file must be a table of keys and values"],
  ["label: x\nlabel: y", 2, "map keys must be unique"],
  [
    "label: [",
    1,
    "flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  [
    "workspace:\n  sparse: [a, ../b]",
    2,
    '`workspace.sparse.1` is "../b", but must be a directory of the repository',
  ],
  ["workspace:\n  sparse: [/etc]", 2, '`workspace.sparse.0` is "/etc", but must be a directory'],
  ["workspace:\n  sparse: ['!a']", 2, '`workspace.sparse.0` is "!a", but must be a directory'],
  ["workspace:\n  sparse: ['a/*']", 2, "but must be a directory"],
  ["workspace:\n  sparse: [--stdin]", 2, "but must be a directory"],
  [`workspace:\n  sparse: [${"a,".repeat(51)}]`, 2, "`workspace.sparse`"],
  ["workspace:\n  partial: true", 2, "must be false: a partial clone fetches later"],
  ["__proto__:\n  label: x", 1, "unknown key `__proto__`"],
] as const)("%j", ([text, line, message]) => {
  const parsed = parseRepositoryConfig(text);
  expect(parsed).toMatchObject({ ok: false, problem: { line } });
  expect(parsed.ok ? "" : parsed.problem.message).toContain(message);
});

test("files made to hurt are refused", () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ...Array.from({ length: 8 }, (_, at) => {
      const [name, before] = [String.fromCodePoint(98 + at), String.fromCodePoint(97 + at)];
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(",")}]`;
    }),
  ].join("\n");
  for (const text of [bomb, "x".repeat(100_000), `label: ${"[".repeat(30_000)}`])
    expect(parseRepositoryConfig(text).ok).toBe(false);
});

test("agents by role and additions to the prompts", () => {
  const text = `
agent: claude
agents: { worker: codex }
prompts:
  worker: |
    Run make check.
`;
  expect(parseRepositoryConfig(text, ["claude", "codex"])).toMatchObject({
    ok: true,
    config: {
      agent: "claude",
      agents: { worker: "codex" },
      prompts: { worker: "Run make check." },
    },
  });
  expect(parseRepositoryConfig(text, ["claude", "script"])).toEqual({
    ok: false,
    problem: {
      line: 3,
      message:
        '`agents.worker` is "codex", but must be one of the agents of this server: claude, script (`agents` of its configuration file adds others)',
    },
  });
  expect(parseRepositoryConfig(`prompts:\n  worker: ${"x".repeat(8_001)}`)).toMatchObject({
    ok: false,
    problem: { line: 2 },
  });
});
