/** `orcha sessions`: who works on what, where, since when, and what it waits for. */
import { read } from "./client.ts";
import { clockTime, print, printJson, printTable } from "./output.ts";
import { sessionViews } from "./views.ts";

export async function sessions({
  all = false,
  json = false,
}: {
  readonly all?: boolean;
  readonly json?: boolean;
}): Promise<void> {
  const found = await read(`/sessions?all=${all}`, (reading) => sessionViews(reading, all));
  if (json) return printJson(found);
  if (found.length === 0)
    return print(all ? "no sessions yet" : "no session is going on; --all shows ended ones");
  printTable(
    ["SESSION", "ISSUE", "TITLE", "STATUS", "RUNNER", "ATTEMPT", "BRANCH", "PR", "SINCE", "LAST"],
    found.map((one) => [
      one.id,
      one.issue,
      one.title.slice(0, 30),
      one.status.slice(0, 60),
      one.runner ?? "–",
      String(one.attempt),
      one.branch ?? "–",
      one.pullRequest === null ? "–" : `#${one.pullRequest}`,
      clockTime(one.since),
      (one.lastActivity ?? "").slice(0, 50),
    ]),
  );
}
