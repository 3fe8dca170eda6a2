/**
 * Completes package-lock.json after `npm install`, that of the repository and that of test/agents: node scripts/complete-lock.ts
 *
 * npm leaves out of the lock what it could not look up (a binary for another system that a registry mirror does
 * not have), and then `npm ci` refuses the lock as incomplete. It also forgets that better-sqlite3 says
 * `gypfile: false` (its binaries are in the package), and would compile it. `test/arch` holds both.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  gypfile?: boolean;
}

interface Lock {
  packages: Record<string, Entry>;
}

const FILES = ["../package-lock.json", "../test/agents/package-lock.json"];
const SYSTEMS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "x64",
];

for (const name of FILES) {
  const file = new URL(name, import.meta.url);
  const lock: Lock = JSON.parse(readFileSync(file, "utf8"));
  const missing = missingFrom(lock);
  const sqlite = lock.packages["node_modules/better-sqlite3"];
  if (sqlite !== undefined) sqlite.gypfile = false;
  lock.packages = Object.fromEntries(
    Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(
    `${name}: added ${Object.keys(missing).length} packages for other systems\n`,
  );
}

function missingFrom({ packages }: Lock): Record<string, Entry> {
  const wanted = Object.entries(packages).flatMap(([path, { dev, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(
        ([name]) =>
          !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      )
      .map(
        ([name, version]) =>
          [`node_modules/${name}`, entryOf(name, version, dev === true)] as const,
      ),
  );
  return Object.fromEntries(wanted);
}

/** System and processor stand in such a package's name: `@oxlint/binding-linux-x64-musl`. */
function entryOf(name: string, version: string, dev: boolean): Entry & Record<string, unknown> {
  const parts = name.split(/[/-]/u);
  const os = SYSTEMS.filter(
    (system) => parts.includes(system) || (system === "win32" && parts.includes("windows")),
  );
  const cpu = PROCESSORS.filter((processor) => parts.includes(processor));
  const musl = parts.some((part) => part.startsWith("musl"));
  return {
    version,
    ...(dev ? { dev } : {}),
    optional: true,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(os.length > 0 ? { os } : {}),
    ...(os.includes("linux") ? { libc: [musl ? "musl" : "glibc"] } : {}),
  };
}
