/**
 * The runner program as files: what is copied to, or started on, a runner machine. The published package
 * carries it; from source it is bundled on first use and kept by the content of its sources.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Name of the file → its source, relative to the root of the repository. */
const FILES: Readonly<Record<string, string>> = {
  "orcha-runner.mjs": "runners/program/main.ts",
  "relay.mjs": "runners/relay/main.ts",
  "agent-host.mjs": "runners/agent-host/main.ts",
  "script-agent.mjs": "runners/script-agent/main.ts",
};
/** `src/fleet` → the root; `dist/src/fleet` → `dist`. */
const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Program {
  /** Holds orcha-runner.mjs, relay.mjs, agent-host.mjs and script-agent.mjs. */
  readonly directory: string;
}

/** Makes sure that the files are there. From source bundling takes about 0.3 s, and again only when a source changed. */
export async function ensureProgram({ dataDir }: { readonly dataDir: string }): Promise<Program> {
  const published = join(root, "runner");
  if (existsSync(join(published, "orcha-runner.mjs"))) return { directory: published };
  const directory = join(dataDir, "program", sourceHash());
  if (!existsSync(directory)) place(await bundleProgram(), directory);
  return { directory };
}

/** All that goes into the bundle: the program may import nothing else of ours (test/arch/layers.test.ts). */
const SOURCES = ["runners", "src/dialects", "src/protocol", "src/lib"];

function sourceHash(): string {
  const hash = createHash("sha256");
  const files = SOURCES.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(folder, file)),
  );
  for (const file of [...files.toSorted(), "package-lock.json"])
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest("hex").slice(0, 16);
}

export interface ProgramFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The files of a program directory, to be copied to another machine. */
export function readProgram(directory: string): ProgramFile[] {
  return Object.keys(FILES).map((name) => ({ name, content: readFileSync(join(directory, name)) }));
}

/** Bundles the sources of this repository for Node 20. */
export async function bundleProgram(): Promise<ProgramFile[]> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.entries(FILES).map(([name, source]) => ({
      in: source,
      out: basename(name, ".mjs"),
    })),
    outdir: join(root, "dist", "runner"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    // Some packages in the bundle are CommonJS and ask for built-ins at run time.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    legalComments: "none",
    logLevel: "silent",
  });
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), content: contents }));
}

/** All files or none: a second process may be doing the same. */
function place(files: readonly ProgramFile[], directory: string): void {
  const parent = join(directory, "..");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(join(parent, ".new-"));
  writeProgram(files, temporary);
  try {
    renameSync(temporary, directory);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
}

export function writeProgram(files: readonly ProgramFile[], directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const { name, content } of files) {
    writeFileSync(join(directory, name), content);
    chmodSync(join(directory, name), 0o755);
  }
}
