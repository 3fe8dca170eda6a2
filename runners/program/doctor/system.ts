/** What every session needs of the machine: git, Node, the small tools, /proc. All of it is required. */
import process from "node:process";
import { bootId } from "../processes.ts";
import { baseEnv, run } from "../run.ts";
import {
  type Finding,
  type Machine,
  type Named,
  bad,
  good,
  runIn,
  trouble,
  which,
} from "./check.ts";

/** Older versions lack what the mirror relies on. */
const GIT_MIN = [2, 30] as const;
const NODE_MAJOR_MIN = 20;
const TOOLS = "sh setsid flock tail mkfifo".split(" ");

/** As `git --version` says it, without the words; empty when git is missing. */
export async function gitVersion(cwd: string): Promise<string> {
  const result = await run("git", ["--version"], { cwd, env: baseEnv(cwd), timeoutMs: 10_000 });
  return numberIn(result.stdout);
}

export const gitCheck = (machine: Machine): Named => ({
  name: "git",
  required: true,
  async find() {
    const fix = `install git ${GIT_MIN.join(".")} or newer in the PATH of the runner's user`;
    if ((await which(machine, "git")) === undefined) return bad("not found", fix);
    const result = await runIn(machine, "git", ["--version"]);
    const found = numberIn(result.stdout);
    if (found === "") return bad(trouble(result, machine.limitMs), fix);
    const [major = 0, minor = 0] = found.split(".").map(Number);
    const ok = major > GIT_MIN[0] || (major === GIT_MIN[0] && minor >= GIT_MIN[1]);
    return ok ? good(found) : bad(found, fix);
  },
});

const numberIn = (output: Buffer): string =>
  /\d+(?:\.\d+)+/u.exec(output.toString("utf8"))?.[0] ?? "";

export const nodeCheck = (): Named => ({
  name: "node",
  required: true,
  find() {
    const found = process.versions.node;
    const ok = Number(found.split(".")[0]) >= NODE_MAJOR_MIN;
    return ok ? good(found) : bad(found, `install Node ${NODE_MAJOR_MIN} or newer`);
  },
});

export const toolChecks = (machine: Machine): readonly Named[] =>
  TOOLS.map((name) => ({
    name,
    required: true,
    async find(): Promise<Finding> {
      const found = await which(machine, name);
      const fix = `install ${name} (util-linux, coreutils or busybox)`;
      return found === undefined ? bad("not found", fix) : good(found);
    },
  }));

export const procCheck = (): Named => ({
  name: "proc",
  required: true,
  find() {
    const found = bootId();
    const fix = "mount /proc: processes are recognised through it";
    return found === "" ? bad("not mounted", fix) : good(`boot ${found}`);
  },
});
