/**
 * Which ways of shutting an agent in really work here. Tried, not looked up: a program that is installed may be
 * forbidden by the kernel (user namespaces), and an engine's client may have no engine.
 */
import {
  type Finding,
  type Machine,
  type Named,
  bad,
  good,
  runIn,
  trouble,
  versionIn,
  which,
} from "./check.ts";

/** As a session would be shut in: nothing writable, namespaces of its own, no network. */
const BWRAP_TRIAL =
  "--unshare-all --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc --chdir / true".split(
    " ",
  );

export const isolationChecks = (machine: Machine): readonly Named[] => [
  { name: "isolation bwrap", required: false, find: () => tryBwrap(machine) },
  { name: "isolation container", required: false, find: () => tryContainer(machine) },
];

async function tryBwrap(machine: Machine): Promise<Finding> {
  if ((await which(machine, "bwrap")) === undefined)
    return bad("not found", "install bubblewrap, if agents shall be shut in");
  const [version, trial] = await Promise.all([
    runIn(machine, "bwrap", ["--version"]),
    runIn(machine, "bwrap", BWRAP_TRIAL),
  ]);
  const found = versionIn(version.stdout.toString("utf8"));
  if (trial.kind === "exited" && trial.code === 0) return good(`${found}, works`);
  return bad(
    `${found}, does not work: ${trouble(trial, machine.limitMs)}`,
    "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1 on Debian, an AppArmor profile for bwrap on Ubuntu)",
  );
}

interface Engine {
  readonly name: string;
  /** Says the version of what would really run containers, and fails without it. */
  readonly trial: readonly string[];
}

/** No image is fetched for a check. Podman has no engine of its own to ask: what it needs is a user namespace. */
const ENGINES: readonly Engine[] = [
  { name: "podman", trial: ["unshare", "podman", "info", "--format", "{{.Version.Version}}"] },
  { name: "docker", trial: ["version", "--format", "{{.Server.Version}}"] },
];

/** The first that works; else what is wrong with each that is there. */
async function tryContainer(machine: Machine): Promise<Finding> {
  const results = await Promise.all(ENGINES.map((engine) => tryEngine(machine, engine)));
  const there = results.filter((result) => result !== undefined);
  const works = there.find(({ ok }) => ok);
  if (works !== undefined) return works;
  if (there.length === 0)
    return bad("neither podman nor docker found", "install podman, if agents shall be shut in");
  return bad(
    there.map(({ found }) => found).join("; "),
    `let ${machine.user} use it: podman needs uidmap and entries in /etc/subuid, docker a running engine and its group`,
  );
}

async function tryEngine(machine: Machine, { name, trial }: Engine): Promise<Finding | undefined> {
  if ((await which(machine, name)) === undefined) return undefined;
  const root = machine.user === "root" && name === "podman";
  const result = await runIn(machine, name, root ? trial.slice(2) : trial);
  const version = versionIn(result.stdout.toString("utf8"));
  if (result.kind === "exited" && result.code === 0 && version !== "")
    return good(`${name} ${version}, answers`);
  return bad(`${name} does not work: ${trouble(result, machine.limitMs)}`, "");
}
