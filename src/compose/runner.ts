/** The local runner: its link, and its own checks. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Config } from "../config.ts";
import { openLink, type Link, type LinkOptions } from "../fleet/link.ts";
import { openLocal } from "../fleet/local.ts";
import { ensureProgram } from "../fleet/program.ts";
import { DoctorReply } from "../protocol/requests.ts";
import type { Identity } from "../store/identity.ts";
import type { Store } from "../store/port.ts";
import { peekIdentity } from "../store/sqlite.ts";
import { realClock } from "./clock.ts";

export const LOCAL = "local";
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

export async function examineLink(link: Link | undefined): Promise<DoctorReply> {
  if (link === undefined) throw new TypeError("there is no local runner");
  const { reply } = await link.request({ op: "doctor" }, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new TypeError(reply.reason);
  return DoctorReply.parse(reply.value);
}

/** One local runner is registered by default. */
export async function openLinks(
  { config, programDir }: { readonly config: Config; readonly programDir?: string | undefined },
  { installation, epoch, generation }: Identity,
  store: Store,
  stack: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Link>> {
  await store.putRunner({ name: LOCAL, kind: "local", state: "online", slots: config.slots });
  const link = await openLocalLink({
    config,
    programDir,
    hello: { installation, epoch, generation, plane: "serve" },
    outbid: (seen) => store.outbid(seen),
  });
  link.onState((state) => {
    // It obeys a newer control plane: nothing more is placed there, and what runs there is that one's.
    if (state === "fenced")
      void store
        .putRunner({ name: LOCAL, kind: "local", state: "offline", slots: config.slots })
        .catch(() => {
          // The store is away: what is placed there fails, and is tried again.
        });
  });
  stack.defer(() => link.close());
  return new Map([[LOCAL, link]]);
}

interface LocalLink {
  readonly config: Config;
  readonly programDir?: string | undefined;
  readonly hello: LinkOptions["hello"];
  readonly outbid?: LinkOptions["outbid"];
}

async function openLocalLink({ config, programDir, hello, outbid }: LocalLink): Promise<Link> {
  const { dataDir, workRoot, runtimeDir } = config;
  const { directory } = await ensureProgram({ dataDir: programDir ?? dataDir });
  return openLink({
    transport: openLocal({ name: LOCAL, workRoot, runtimeDir, programDir: directory }),
    hello,
    clock: realClock,
    ...(outbid === undefined ? {} : { outbid }),
  });
}
