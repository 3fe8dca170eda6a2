/** A runner behind a real sshd, for tests: RunnerWorld with another way to its daemon. */
import { openSsh, type SshOptions, type SshTransport } from "../../src/fleet/ssh/ssh.ts";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import { RunnerWorld } from "../runners/world.ts";
import type { Sshd } from "./sshd.ts";

/** Its work root is in the world's directory; sockets are where the runner itself puts them. */
export function openFarWorld(
  server: Sshd,
  more: Partial<SshOptions> = {},
  open: (options: SshOptions) => SshTransport = openSsh,
): Promise<RunnerWorld> {
  return RunnerWorld.open({
    transport: ({ workRoot, programDir }) => {
      server.runtimeDirs.add(defaultRuntimeDir(workRoot));
      return open(server.options(programDir, { workRoot, ...more }));
    },
  });
}
