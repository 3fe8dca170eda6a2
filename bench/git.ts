/** git in a folder of the benchmark's own. */
import { execFileSync } from "node:child_process";

const WHO = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"];

/** Throws when git fails. */
export const gitIn =
  (directory: string) =>
  (...args: readonly string[]): void =>
    void execFileSync("git", [...WHO, ...args], { cwd: directory, stdio: "ignore" });
