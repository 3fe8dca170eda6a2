/** `orcha restore FILE`: puts a backup into the data directory. The next `orcha serve` takes over with it. */
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { realClock } from "../compose/clock.ts";
import { restoreBackup } from "../store/backup.ts";
import { DirectoryTaken, lockDirectory } from "../store/lock.ts";
import { localConfig } from "./client.ts";
import { CliError, print, printJson } from "./output.ts";

export async function restore(
  file: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const { dataDir } = localConfig();
  const from = resolve(file);
  if (!existsSync(from)) throw new CliError(`there is no ${from}`, 4);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  using _ = lock(dataDir);
  const restored = await restoreBackup({ from, dataDir, now: realClock.now() });
  if (json) {
    printJson(restored);
    return;
  }
  print(`${dataDir} is as it was in ${from} (${restored.events} events, checked)`);
  if (restored.replaced !== null) print(`what was there is in ${restored.replaced}`);
  print(
    "start it with: orcha serve; it takes over the runners and looks for what was done after the backup before it does anything",
  );
}

function lock(dataDir: string): Disposable {
  try {
    return lockDirectory(dataDir);
  } catch (error) {
    if (error instanceof DirectoryTaken)
      throw new CliError(`a server is running on ${dataDir}: stop it first`, 1);
    throw error;
  }
}
