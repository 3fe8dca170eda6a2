/** `orcha cancel ID`: asks the running server to cancel an objective or a session. */
import { demand, localConfig } from "./client.ts";
import { CliError, print, printJson } from "./output.ts";

export async function cancel(
  id: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const answered = await demand(localConfig(), "POST", `/cancel/${encodeURIComponent(id)}`);
  if (answered.status === 404)
    throw new CliError(`there is no objective or session ${id}; orcha sessions lists them`, 4);
  if (answered.status === 409) throw new CliError(`${id} has ended already`, 1);
  if (answered.status !== 202) throw new CliError(`the server answered ${answered.status}`);
  if (json) printJson(answered.body);
  else print(`${id} is being canceled`);
}
