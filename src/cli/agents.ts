/** `orcha agents`: which agents are configured, and which machine has them, in which version, logged in or not. */
import * as z from "zod";
import { harmless } from "../lib/harmless.ts";
import { demand, localConfig, refusalOf } from "./client.ts";
import { CliError, print, printJson, printTable, remark } from "./output.ts";

const Answer = z.object({
  agents: z.array(
    z.object({
      runner: z.string(),
      agent: z.string(),
      driver: z.string(),
      ok: z.boolean(),
      found: z.string(),
      fix: z.string(),
    }),
  ),
  silent: z.array(z.object({ runner: z.string(), reason: z.string() })),
});

/** Big programs on a cold disk take seconds to say their version. */
const ASK_MS_MAX = 60_000;

export async function agents({ json = false }: { readonly json?: boolean }): Promise<void> {
  const answered = await demand(localConfig(), "GET", "/agents", { timeoutMs: ASK_MS_MAX });
  if (answered.status !== 200) throw new CliError(refusalOf(answered));
  const answer = Answer.parse(answered.body);
  if (json) return printJson(answer);
  if (answer.agents.length === 0 && answer.silent.length === 0)
    return print("no runner is registered: orcha runner add NAME user@host");
  printTable(
    ["RUNNER", "AGENT", "DRIVER", "FOUND", "TO DO"],
    answer.agents.map(({ runner, agent, driver, found, fix }) => [
      runner,
      agent,
      driver,
      harmless(found),
      harmless(fix),
    ]),
  );
  for (const { runner, reason } of answer.silent)
    remark(`${runner} could not be asked: ${harmless(reason)}`);
}
