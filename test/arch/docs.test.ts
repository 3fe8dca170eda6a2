/**
 * The documents say what the code does: generated blocks are compared, links lead somewhere, every invariant names
 * its test. `ORCHA_UPDATE_DOCS=1 npx vitest run test/arch` writes the blocks anew.
 */
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { program } from "../../src/cli/program.ts";
import { configTable } from "../../src/config/options.ts";
import { parseRepositoryConfig } from "../../src/github/repository-config.ts";
import { filesOf, read, readPackage, root } from "./sources.ts";

const docs = filesOf("*.md", "docs/**/*.md", "{src,runners,test}/**/*.md");

const block = (name: string): RegExp =>
  new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(\n<!-- end -->)`, "u");

/** oxfmt widens tables to their longest cell: compared is what the cells say. */
const words = (text: string): string =>
  text.replaceAll(/ {2,}/gu, " ").replaceAll(/-{3,}/gu, "---").trim();

test.for([
  ["commands", commands],
  ["configuration", configTable],
] as const)("README: the block of %s is what the code says", ([name, make]) => {
  const readme = read("README.md");
  expect(readme).toMatch(block(name));
  const generated = readme.replace(
    block(name),
    (_, begin: string, end: string) => `${begin}\n${make()}\n${end}`,
  );
  if (process.env["ORCHA_UPDATE_DOCS"] === "1" && words(generated) !== words(readme))
    writeFileSync(join(root, "README.md"), generated);
  expect(words(read("README.md"))).toBe(words(generated));
});

/** Every command's help, as `orcha COMMAND --help` prints it, 100 columns wide. */
function commands(): string {
  const all: readonly Command[] = program().commands;
  const helps = all.map((command) => {
    command.configureHelp({ helpWidth: 100 });
    return command.helpInformation().trimEnd();
  });
  return ["```text", helps.join("\n\n"), "```"].join("\n");
}

test("README: the example of .github/orcha.yml has every key, with its default", () => {
  const example = /```yaml\n(?<text>[\s\S]*?)```/u.exec(read("README.md"))?.groups?.["text"] ?? "";
  expect(parseRepositoryConfig(example)).toEqual(parseRepositoryConfig(""));
  const keys = [...example.matchAll(/^ *(?<key>[a-z_]+):/gmu)].map(
    (match) => match.groups?.["key"],
  );
  const first = ["label", "agent", "setup", "pr", "draft", "on_done", "limits", "workers"];
  expect(keys).toEqual([...first, "workspace", "sparse", "partial"]);
});

test("README: every npm script and orcha command it names exists", () => {
  const { scripts } = readPackage();
  const text = read("README.md") + read("CONTRIBUTING.md");
  for (const [, name = ""] of text.matchAll(/npm run ([a-z:]+)/gu))
    expect(Object.keys(scripts)).toContain(name);
  const known = program().commands.map((command) => command.name());
  for (const [, name = ""] of text.matchAll(/`orcha ([a-z]+)/gu)) expect(known).toContain(name);
});

test("every invariant of ARCHITECTURE.md names tests that exist", () => {
  const invariants =
    read("ARCHITECTURE.md").match(/\*\*Invariant:\*\*[\s\S]*?(?=\n\n|\n- )/gu) ?? [];
  expect(invariants.length).toBeGreaterThanOrEqual(12);
  for (const text of invariants) {
    const named = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)`/gu)].map(([, file = ""]) => file);
    expect(named.length, text).toBeGreaterThan(0);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  }
});

test("the code map of ARCHITECTURE.md names every folder", () => {
  const text = read("ARCHITECTURE.md");
  const folders = new Set(
    filesOf("{src,runners}/*/**/*.ts").map((file) => file.split("/", 2).join("/")),
  );
  expect([...folders].filter((folder) => !text.includes(`\`${folder}\``))).toEqual([]);
});

test("every link of a document leads somewhere", () => {
  const dead = docs.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#)(?<path>[^)#\s]+)(?:#[^)]*)?\)/gu)]
      .map((match) => match.groups?.["path"] ?? "")
      .filter((path) => !existsSync(join(root, dirname(file), path)))
      .map((path) => `${file}: ${path}`),
  );
  expect(dead).toEqual([]);
});

test("every file that a document names in code is there", () => {
  const named = docs
    .filter((file) => file !== "CHANGELOG.md")
    .flatMap((file) =>
      [
        ...read(file).matchAll(/`((?:src|test|runners|docs|scripts|\.github|\.ci)\/[\w./-]*\w)`/gu),
      ].map(([, path = ""]) => ({ file, path })),
    )
    // The configuration of somebody else's repository.
    .filter(({ path }) => path !== ".github/orcha.yml");
  expect(named.filter(({ path }) => !existsSync(join(root, path)))).toEqual([]);
});

test("decisions are numbered without a gap, each with its status", () => {
  const records = filesOf("docs/decisions/*.md").filter((file) => !file.endsWith("README.md"));
  expect(
    records.map((file) => Number(/(?<number>\d{4})-/u.exec(file)?.groups?.["number"])),
  ).toEqual(records.map((_, index) => index + 1));
  for (const file of records) expect(read(file), file).toMatch(/^# .+\n\n\*\*Status:\*\* \w+/u);
});

test("the changelog has a place for what is not released", () => {
  expect(read("CHANGELOG.md")).toMatch(/^# Changelog\n[\s\S]*?\n## Pending\n/u);
});
