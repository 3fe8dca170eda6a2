/**
 * Does what runs here survive a logout? Where systemd runs the machine, the end of a user's last session removes
 * `/run/user/<uid>` (our sockets, when they are there) and, with `KillUserProcesses=yes`, kills every process of the user (our agents).
 * Lingering (`loginctl enable-linger`) prevents both.
 */
import { existsSync } from "node:fs";
import { type Machine, type Named, bad, good, runIn, trouble, which } from "./check.ts";

export const lingerCheck = (machine: Machine): Named => ({
  name: "linger",
  required: false,
  async find() {
    const { user, systemdMark } = machine;
    if (!existsSync(systemdMark)) return good("no systemd: nothing ends at a logout");
    const fix = `run as root: loginctl enable-linger ${user}`;
    if ((await which(machine, "loginctl")) === undefined)
      return bad("systemd without loginctl", fix);
    const [own, all] = await Promise.all([
      show(machine, ["show-user", user, "-p", "Linger"]),
      show(machine, ["show-session", "-p", "KillUserProcesses", "-p", "KillExcludeUsers"]),
    ]);
    if (own.get("Linger") === "yes") return good("on");
    if (all.size === 0) return bad(`logind does not answer: ${all.problem}`, fix);
    const spared = (all.get("KillExcludeUsers") ?? "").split(" ").includes(user);
    if (all.get("KillUserProcesses") === "yes" && !spared)
      return {
        ...bad("off, and the system kills what runs when its user logs out", fix),
        required: true,
      };
    if (machine.runtimeDir.startsWith("/run/user/"))
      return bad("off: the sockets in /run/user go when the user logs out", fix);
    return good("off, and the system leaves what runs when its user logs out");
  },
});

class Properties extends Map<string, string> {
  problem = "";
}

/** `Name=value` lines. A user that never logged in is unknown to logind: no properties, and not lingering. */
async function show(machine: Machine, args: readonly string[]): Promise<Properties> {
  const result = await runIn(machine, "loginctl", ["--no-pager", ...args]);
  const properties = new Properties();
  if (result.code !== 0) {
    properties.problem = trouble(result, machine.limitMs);
    return properties;
  }
  for (const line of result.stdout.toString("utf8").split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) properties.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  return properties;
}
