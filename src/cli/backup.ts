/** `orcha backup`: a checked copy of the database, by the running server or, when none runs, by ourselves. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as z from "zod";
import { realClock } from "../compose/clock.ts";
import { backupFile, DATABASE, stamp } from "../store/backup.ts";
import { lockDirectory } from "../store/lock.ts";
import { ask, localConfig } from "./client.ts";
import { CliError, print, printJson } from "./output.ts";

/** Much larger than any database so far: 62 MB take 0.15 s. */
const BACKUP_MS_MAX = 10 * 60_000;

const Written = z.object({ path: z.string(), bytes: z.number(), events: z.number() });

export async function backup(
  file: string | undefined,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const config = localConfig();
  const { dataDir } = config;
  const path = resolve(file ?? join(dataDir, "backups", `by-hand-${stamp(realClock.now())}.db`));
  if (existsSync(path)) throw new CliError(`${path} is there already: name another file`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const query = new URLSearchParams({ path });
  const answered = await ask(config, "POST", `/backup?${query.toString()}`, {
    timeoutMs: BACKUP_MS_MAX,
  });
  const written = answered === null ? await directly(dataDir, path) : Written.parse(answered.body);
  if (json) printJson(written);
  else
    print(
      `${written.path}: ${written.bytes} bytes, ${written.events} events, checked; it holds the installation's secret, keep it to yourself`,
    );
}

async function directly(dataDir: string, path: string): Promise<z.infer<typeof Written>> {
  const database = join(dataDir, DATABASE);
  if (!existsSync(database))
    throw new CliError(`there is no data in ${dataDir} yet; start the server with: orcha serve`, 3);
  // Nobody may begin to serve, and to migrate, in the middle of it.
  using _ = lockDirectory(dataDir);
  return await backupFile(database, path);
}
