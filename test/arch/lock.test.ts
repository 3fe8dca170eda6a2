/** `npm ci` refuses a lock that does not name every optional package; npm itself leaves some out. */
import { expect, test } from "vitest";
import { read } from "./sources.ts";

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly gypfile?: boolean;
  readonly resolved?: string;
}

const { packages }: { packages: Readonly<Record<string, Entry>> } = JSON.parse(
  read("package-lock.json"),
);

test("every optional dependency is in the lock: else run node scripts/complete-lock.ts", () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

test("better-sqlite3 is not compiled: its binaries are in the package", () => {
  expect(packages["node_modules/better-sqlite3"]?.gypfile).toBe(false);
});

test("the lock names no registry", () => {
  expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
});
