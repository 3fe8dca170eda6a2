/** Says before the tests which parts of the system are there, and what is skipped without them. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describePrograms } from "./agents/real/programs.ts";
import { hostsProblem } from "./ssh/hosts.ts";

interface Part {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly needs: string;
}

const PARTS: readonly Part[] = [
  { name: "sshd", command: ["sshd", "-V"], needs: "runners over SSH" },
  { name: "tmux", command: ["tmux", "-V"], needs: "the doctor's look at a real tmux" },
  { name: "bwrap", command: ["bwrap", "--version"], needs: "the doctor's try of real isolation" },
];

/** vitest calls it once, before everything. */
export function setup(): void {
  const lines = PARTS.map(({ name, command: [program, ...args], needs }) => {
    const version = versionOf(program, args);
    return version === null
      ? `${name}: not found, skipped: ${needs} (apt-get install ${PACKAGES[name] ?? name})`
      : `${name}: ${version}`;
  });
  const namespaces =
    hostsProblem() === undefined ? "network namespaces: yes" : `skipped: ${hostsProblem()}`;
  const root = process.getuid?.() === 0 ? "root" : "not root, skipped: small disks";
  process.stderr.write(
    `system parts: ${[...lines, namespaces, root, describePrograms()].join("; ")}\n`,
  );
}

const PACKAGES: Readonly<Record<string, string>> = { sshd: "openssh-server", bwrap: "bubblewrap" };

/** null = it is not there. */
function versionOf(program: string, args: readonly string[]): string | null {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin`;
  const env = { ...process.env, PATH: path };
  // sshd says it on its standard error.
  const { error, stdout, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
  if (error !== undefined) return null;
  return /(?:OpenSSH_)?\d+(?:\.\d+)+\w*/u.exec(stdout + stderr)?.[0] ?? "an unknown version";
}
