/** The local runner's own checks where no server is running. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Config } from "../config.ts";
import { openLink, type Link, type LinkOptions } from "../fleet/link.ts";
import { openLocal } from "../fleet/local.ts";
import { ensureProgram } from "../fleet/program.ts";
import { DoctorReply } from "../protocol/requests.ts";
import { peekIdentity } from "../store/sqlite.ts";
import { realClock } from "./clock.ts";
import { LOCAL } from "./roster.ts";

const DOCTOR_MS_MAX = 30_000;

/** Asks the local runner's daemon how it is; starts one when there is none. */
export async function examineRunner(config: Config): Promise<DoctorReply> {
  const path = join(config.dataDir, "orcha.db");
  if (!existsSync(path)) return examineUnused(config);
  const link = await openLocalLink({
    config,
    hello: { ...(await peekIdentity(path)), plane: "doctor" },
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
  const link = await openLocalLink({
    config: { ...config, workRoot, runtimeDir },
    hello: { installation: "doctor", epoch: 0, plane: "doctor" },
  });
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

async function examineLink(link: Link): Promise<DoctorReply> {
  const { reply } = await link.request({ op: "doctor" }, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new TypeError(reply.reason);
  return DoctorReply.parse(reply.value);
}

interface LocalLink {
  readonly config: Config;
  readonly hello: LinkOptions["hello"];
}

async function openLocalLink({ config, hello }: LocalLink): Promise<Link> {
  const { dataDir, workRoot, runtimeDir } = config;
  const { directory } = await ensureProgram({ dataDir });
  return openLink({
    transport: openLocal({ name: LOCAL, workRoot, runtimeDir, programDir: directory }),
    hello,
    clock: realClock,
  });
}
