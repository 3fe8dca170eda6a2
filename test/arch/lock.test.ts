/** `npm ci` refuses a lock that does not name every optional package; npm itself leaves some out. */
import { expect, test } from "vitest";
import { read } from "./sources.ts";

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly gypfile?: boolean;
  readonly resolved?: string;
}

const LOCKS = ["package-lock.json", "test/agents/package-lock.json"];

const packagesOf = (file: string): Readonly<Record<string, Entry>> => {
  const { packages }: { packages: Readonly<Record<string, Entry>> } = JSON.parse(read(file));
  return packages;
};

test.for(LOCKS)(
  "every optional dependency is in %s: else run node scripts/complete-lock.ts",
  (file) => {
    const packages = packagesOf(file);
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  },
);

test("better-sqlite3 is not compiled: its binaries are in the package", () => {
  expect(packagesOf("package-lock.json")["node_modules/better-sqlite3"]?.gypfile).toBe(false);
});

test.for(LOCKS)("%s names no registry", (file) => {
  expect(Object.values(packagesOf(file)).filter(({ resolved }) => resolved !== undefined)).toEqual(
    [],
  );
});
