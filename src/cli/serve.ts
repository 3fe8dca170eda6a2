/** `orcha serve`: the control plane until it is asked to stop. */
import process from "node:process";
import { pino } from "pino";
import { openOrcha } from "../compose.ts";
import { problemLines, readConfig } from "../config.ts";
import { DirectoryTaken } from "../store/lock.ts";
import { openControlServer } from "./control-server.ts";
import { CliError } from "./output.ts";

export async function serve({
  unsafeLocal = false,
}: {
  readonly unsafeLocal?: boolean;
}): Promise<void> {
  const read = readConfig(process.env, { app: "required", unsafeLocal });
  if (!read.ok) throw new CliError(problemLines(read.problems).join("\norcha: "), 2);
  const { config } = read;
  if (config.app === null) throw new CliError("APP_ID is not set", 2);
  const log = pino({ level: config.logLevel });
  await using orcha = await openOrcha({ config, app: config.app, log }).catch((error: unknown) => {
    throw error instanceof DirectoryTaken ? new CliError(error.message) : error;
  });
  await using control = await openControlServer({
    runtimeDir: config.runtimeDir,
    store: orcha.store,
    now: () => Date.now(),
    desk: orcha.desk,
    hands: orcha.hands,
    ready: () => orcha.ready(),
    gc: orcha.gc,
  });
  log.info(
    {
      webhook: orcha.url,
      control: control.path,
      dataDir: config.dataDir,
      github: config.github.webUrl,
    },
    "orcha serves",
  );
  if ((await orcha.store.runners()).every(({ state }) => state !== "online"))
    log.warn(
      "no runner is online: register a machine (orcha runner add NAME ssh://user@host), or serve with --unsafe-local, which runs agents as the user that holds the App's key",
    );
  const why = await Promise.race([stopped(), orcha.ended]);
  if (why instanceof Error) throw new CliError(why.message, 5);
  log.info({ signal: why }, "orcha stops; sessions run on");
}

function stopped(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  return promise;
}
