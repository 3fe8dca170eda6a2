/**
 * `orcha attach SESSION --tmux`: a tmux session `orcha-<session>` on this machine whose pane runs `orcha attach`, so that anybody
 * with this user's tmux can watch and type. It is a window onto the session and no more: killing tmux leaves the agent alive.
 */
import { execa } from "execa";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Config } from "../config.ts";
import { CliError, print } from "./output.ts";

/** What the pane must know to reach the same server, and no secrets: they stand in its arguments. */
function settings({ dataDir, runtimeDir }: Config): Readonly<Record<string, string>> {
  return { ORCHA_DATA_DIR: dataDir, ORCHA_RUNTIME_DIR: runtimeDir, ORCHA_TMUX_PANE: "1" };
}

/** A tmux server takes its environment over from whoever starts it. */
const PASSED = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "TMUX_TMPDIR", "TZ"]; // prettier-ignore

/** Sources and the published package differ by one folder. */
function entry(): string {
  const [here = "", built = ""] = ["../../bin/orcha.mjs", "../../../bin/orcha.mjs"].map((up) =>
    fileURLToPath(new URL(up, import.meta.url)),
  );
  return existsSync(here) ? here : built;
}

/** ORCHA_TMUX_SOCKET names another tmux server (`tmux -L`). */
export async function watchInTmux(config: Config, id: string): Promise<void> {
  const name = `orcha-${id}`;
  const socket = process.env["ORCHA_TMUX_SOCKET"];
  const where = socket === undefined ? [] : ["-L", socket];
  const env = Object.fromEntries(
    PASSED.flatMap((key) => {
      const value = process.env[key];
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
  const tmux = (...args: readonly string[]) =>
    execa("tmux", [...where, ...args], { env, extendEnv: false, reject: false });
  const there = await tmux("has-session", "-t", `=${name}`);
  if (there.code === "ENOENT")
    throw new CliError(`there is no tmux on this machine: install it, or use orcha attach ${id}`);
  if (there.exitCode !== 0) {
    const given = Object.entries(settings(config)).map(([key, value]) => `${key}=${value}`);
    const program = entry();
    const pane = ["env", ...given, process.execPath, program, "attach", id];
    const made = await tmux("new-session", "-d", "-s", name, "-x", "160", "-y", "50", ...pane);
    if (made.exitCode !== 0) throw new CliError(`tmux: ${made.stderr.slice(0, 300)}`);
  }
  const command = ["tmux", ...where, "attach", "-t", name];
  if (!process.stdin.isTTY || !process.stdout.isTTY) return print(command.join(" "));
  await execa("tmux", [...where, "attach", "-t", `=${name}`], { env, extendEnv: false, stdio: "inherit", reject: false }); // prettier-ignore
}
