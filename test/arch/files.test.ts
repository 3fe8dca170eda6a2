/** The shape of the repository: size of files, headers, names, what the package holds, no leftovers. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOf, filesOf, programFiles, read, readPackage, root } from "./sources.ts";

const LINES_MAX = 400;
const code = filesOf("{src,runners,test,scripts}/**/*.ts");
const texts = [
  ...code,
  ...filesOf(
    "*.md",
    "docs/**/*.md",
    "{src,runners,test}/**/*.md",
    ".github/**/*.{yml,md}",
    "bin/*",
  ),
  "app.yml",
];

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const long = code
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});

test("every program file begins by saying what it is", () => {
  const silent = programFiles.filter(
    (file) => !/^(?:#!.*\n)?\/(?:\*\*|\/ )/u.test(read(file)) && read(file).length > 300,
  );
  expect(silent).toEqual([]);
});

test("files are named in kebab-case", () => {
  expect(
    code.filter((file) => !/^(?:[a-z0-9-]+\/)+[a-z0-9-]+(?:\.[a-z0-9-]+)*\.ts$/u.test(file)),
  ).toEqual([]);
});

/** The brackets keep this file from finding itself. */
const LEFTOVERS = /TO[D]O|FIX[M]E|@ts-(?:[i]gnore|[n]ocheck|[e]xpect-error)/u;

test("nothing is left for later", () => {
  expect(texts.filter((file) => LEFTOVERS.test(read(file)))).toEqual([]);
});

test("a switched-off lint rule says why", () => {
  const silent = code.flatMap((file) =>
    (read(file).match(/\/[/*] oxlint-disable.*/gu) ?? [])
      .filter((line) => !/ -- \S/u.test(line))
      .map((line) => `${file}: ${line}`),
  );
  expect(silent).toEqual([]);
});

test("no test is skipped or runs alone", () => {
  const tests = filesOf("test/**/*.ts").filter((file) =>
    /\b(?:test|it|describe)\.(?:only|skip|todo)\(/u.test(codeOf(file)),
  );
  expect(tests).toEqual([]);
});

test("no default export and no barrel", () => {
  const wrong = programFiles.filter((file) => /^export (?:default|\* from)/mu.test(codeOf(file)));
  expect(wrong).toEqual([]);
});

test("what the package says it holds is there or is made", () => {
  const { bin, files, scripts } = readPackage();
  for (const path of Object.values(bin)) {
    expect(existsSync(join(root, path)), path).toBe(true);
    expect(statSync(join(root, path)).mode & 0o111, `${path} is executable`).not.toBe(0);
    expect(read(path)).toMatch(/^#!\/usr\/bin\/env node\n/u);
  }
  for (const path of files.filter((one) => one !== "dist"))
    expect(existsSync(join(root, path)), path).toBe(true);
  expect(scripts["build"]).toContain("tsconfig.build.json");
  expect(scripts["prepack"]).toBe("npm run build");
});

test("CI runs what the README says", () => {
  expect(statSync(join(root, ".ci/run")).mode & 0o111).not.toBe(0);
  expect(read(".ci/run")).toMatch(/^npm ci$/mu);
  expect(read(".ci/run")).toMatch(/^npm test /mu);
  expect(read("README.md")).toContain("npm ci && npm test");
  const workflow = read(".github/workflows/ci.yml");
  expect(workflow).toContain("permissions: {}");
  const unpinned = (workflow.match(/uses: .*/gu) ?? []).filter(
    (line) => !/@[0-9a-f]{40} # v/u.test(line),
  );
  expect(unpinned).toEqual([]);
});
