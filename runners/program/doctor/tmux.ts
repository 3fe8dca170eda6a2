/** With tmux, sessions can be watched on the machine itself. Nothing depends on it. */
import { type Machine, type Named, bad, good, runIn, trouble, versionIn, which } from "./check.ts";

export const tmuxCheck = (machine: Machine): Named => ({
  name: "tmux",
  required: false,
  async find() {
    const fix = "install tmux, if sessions shall be watched on the runner itself";
    if ((await which(machine, "tmux")) === undefined) return bad("not found", fix);
    const result = await runIn(machine, "tmux", ["-V"]);
    if (result.code !== 0) return bad(trouble(result, machine.limitMs), fix);
    return good(versionIn(result.stdout.toString("utf8")));
  },
});
