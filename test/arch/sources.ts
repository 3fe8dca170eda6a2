/** What the tests of the repository itself look at: our files, and what each imports. Reads, changes nothing. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";

export const root = join(import.meta.dirname, "../..");

export const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** Paths from the root of the repository, in order. */
export const filesOf = (...patterns: readonly string[]): readonly string[] =>
  patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((file) => !file.includes("node_modules"))
    .toSorted();

export const programFiles = filesOf("src/**/*.ts", "runners/**/*.ts");

/** Relies on oxfmt's shape: one statement, double quotes, a semicolon. */
const STATIC = /^(?:import|export) (?:[^"';]*? from )?"(?<name>[^"]+)";$/gmu;
const DYNAMIC = /\bimport\(\s*"(?<name>[^"]+)"/gu;

/** `src/domain/id.ts` + `../lib/x.ts` → `src/lib/x.ts`; everything else as it stands there. */
export function importsOf(file: string, text = read(file)): readonly string[] {
  return [...text.matchAll(STATIC), ...text.matchAll(DYNAMIC)]
    .map((match) => match.groups?.["name"] ?? "")
    .map((name) => (name.startsWith(".") ? join(dirname(file), name) : name));
}

/** Without comments: a rule about names in code must not fail for a sentence. Strings stay. */
export const codeOf = (file: string): string =>
  read(file)
    .replaceAll(/\/\*[\s\S]*?\*\//gu, "")
    .replaceAll(/(?:^|\s)\/\/.*$/gmu, "");

const Package = z.object({
  bin: z.record(z.string(), z.string()),
  files: z.array(z.string()),
  scripts: z.record(z.string(), z.string()),
});

export const readPackage = (): z.infer<typeof Package> =>
  Package.parse(JSON.parse(read("package.json")));
