/** Is this machine fit to run sessions? Each check names what it found and what to do about it. */
import { accessSync, constants, statfsSync } from "node:fs";
import process from "node:process";
import type { DoctorCheck } from "../../src/protocol/requests.ts";
import { explainDisk } from "./errors.ts";
import type { Layout } from "./layout.ts";
import { bootId } from "./processes.ts";
import { baseEnv, run } from "./run.ts";

/** A checkout of a middling project with its dependencies. */
const FREE_BYTES_MIN = 1024 ** 3;
/** Older versions lack what the mirror relies on. */
const GIT_MIN = [2, 30] as const;
const NODE_MAJOR_MIN = 20;

export async function examine(layout: Layout): Promise<DoctorCheck[]> {
  return [
    await gitCheck(layout),
    nodeCheck(),
    ...(await Promise.all(
      ["sh", "setsid", "flock", "tail", "mkfifo"].map((name) => toolCheck(layout, name)),
    )),
    procCheck(),
    writableCheck(layout.workRoot),
    diskCheck(layout.workRoot),
  ];
}

/** As `git --version` says it, without the words; empty when git is missing. */
export async function gitVersion(cwd: string): Promise<string> {
  const result = await run("git", ["--version"], { cwd, env: baseEnv(cwd), timeoutMs: 10_000 });
  return /\d+(?:\.\d+)+/u.exec(result.stdout.toString("utf8"))?.[0] ?? "";
}

async function gitCheck({ workRoot }: Layout): Promise<DoctorCheck> {
  const found = await gitVersion(workRoot);
  const [major = 0, minor = 0] = found.split(".").map(Number);
  const ok = major > GIT_MIN[0] || (major === GIT_MIN[0] && minor >= GIT_MIN[1]);
  const fix = `install git ${GIT_MIN.join(".")} or newer in the PATH of the runner's user`;
  return {
    name: "git",
    ok,
    required: true,
    found: found === "" ? "not found" : found,
    fix: ok ? "" : fix,
  };
}

function nodeCheck(): DoctorCheck {
  const ok = Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN;
  const fix = ok ? "" : `install Node ${NODE_MAJOR_MIN} or newer`;
  return { name: "node", ok, required: true, found: process.versions.node, fix };
}

async function toolCheck({ workRoot }: Layout, name: string): Promise<DoctorCheck> {
  const result = await run("sh", ["-c", 'command -v "$1"', "sh", name], {
    cwd: workRoot,
    env: baseEnv(workRoot),
    timeoutMs: 10_000,
  });
  const found = result.stdout.toString("utf8").trim();
  const ok = found !== "";
  const fix = ok ? "" : `install ${name} (util-linux, coreutils or busybox)`;
  return { name, ok, required: true, found: ok ? found : "not found", fix };
}

function procCheck(): DoctorCheck {
  const found = bootId();
  const ok = found !== "";
  const fix = ok ? "" : "mount /proc: processes are recognised through it";
  return { name: "proc", ok, required: true, found: ok ? `boot ${found}` : "not mounted", fix };
}

function writableCheck(path: string): DoctorCheck {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return { name: "work root", ok: true, required: true, found: path, fix: "" };
  } catch (error) {
    return {
      name: "work root",
      ok: false,
      required: true,
      found: path,
      fix: explainDisk(error, path),
    };
  }
}

function diskCheck(path: string): DoctorCheck {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const ok = free >= FREE_BYTES_MIN;
  const fix = ok ? "" : `free some space at ${path}: less than 1 GiB is left`;
  return {
    name: "disk",
    ok,
    required: false,
    found: `${(free / 1024 ** 3).toFixed(1)} GiB free`,
    fix,
  };
}
