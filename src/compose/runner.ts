/** A machine's own checks; of this one also where no server is running. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Config } from "../config.ts";
import { openLink, type Link, type LinkOptions } from "../fleet/link.ts";
import { ensureProgram } from "../fleet/program.ts";
import { DoctorReply, type Request } from "../protocol/requests.ts";
import { peekIdentity } from "../store/sqlite.ts";
import { realClock } from "./clock.ts";
import { DeskError } from "./enroll.ts";
import { localTo } from "./roster.ts";

export const DOCTOR_MS_MAX = 30_000;

/** Asks the local runner's daemon how it is; starts one when there is none. */
export async function examineRunner(config: Config): Promise<DoctorReply> {
  const path = join(config.dataDir, "orcha.db");
  if (!existsSync(path)) return examineUnused(config);
  const link = await openLocalLink(config, {
    ...(await peekIdentity(path)),
    plane: "doctor",
  });
  try {
    return await examineLink(link);
  } finally {
    await link.close();
  }
}

/** Nobody has served here yet, and a work root belongs to whom it meets first: the doctor takes one of its own. */
async function examineUnused(config: Config): Promise<DoctorReply> {
  const workRoot = mkdtempSync(join(config.dataDir, "doctor-"));
  const runtimeDir = mkdtempSync("/tmp/orcha-");
  const link = await openLocalLink(
    { ...config, workRoot, runtimeDir },
    { installation: "doctor", epoch: 0, plane: "doctor" },
  );
  try {
    return await examineLink(link);
  } finally {
    const daemon = link.hello?.runner.pid;
    await link.close();
    if (daemon !== undefined) process.kill(daemon, "SIGTERM");
    for (const directory of [workRoot, runtimeDir])
      rmSync(directory, { recursive: true, force: true });
  }
}

/** What a machine says of itself. `asked` = what it is to compare itself with. */
export async function examineLink(
  link: Link,
  asked: Omit<Extract<Request, { op: "doctor" }>, "op"> = {},
): Promise<DoctorReply> {
  const { reply } = await link.request({ op: "doctor", ...asked }, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new DeskError("failed", reply.reason);
  return DoctorReply.parse(reply.value);
}

async function openLocalLink(config: Config, hello: LinkOptions["hello"]): Promise<Link> {
  const { directory } = await ensureProgram(config);
  return openLink({ transport: localTo(config, directory), hello, clock: realClock });
}
