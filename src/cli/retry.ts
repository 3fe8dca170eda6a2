/** `orcha retry KEY`: asks the running server to try a dead letter once more. */
import { demand, localConfig } from "./client.ts";
import { CliError, print, printJson } from "./output.ts";

export async function retry(
  key: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const answered = await demand(localConfig(), "POST", `/retry/${encodeURIComponent(key)}`);
  if (answered.status === 404)
    throw new CliError(`nothing was given up under the key ${key}; orcha dead lists what was`, 4);
  if (answered.status === 409)
    throw new CliError(
      `${key} is the start of an attempt, and the session has gone on without it; comment on the issue instead`,
    );
  if (answered.status !== 202) throw new CliError(`the server answered ${answered.status}`);
  if (json) printJson(answered.body);
  else print(`${key} is tried again`);
}
