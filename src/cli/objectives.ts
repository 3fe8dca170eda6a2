/** `orcha objectives`: one line per objective. */
import { read } from "./client.ts";
import { clockTime, print, printJson, printTable } from "./output.ts";
import { objectiveViews } from "./views.ts";

export async function objectives({
  all = false,
  json = false,
}: {
  readonly all?: boolean;
  readonly json?: boolean;
}): Promise<void> {
  const found = await read(`/objectives?all=${all}`, (reading) => objectiveViews(reading, all));
  if (json) return printJson(found);
  if (found.length === 0)
    return print(all ? "no objectives yet" : "no objective is going on; --all shows ended ones");
  printTable(
    ["OBJECTIVE", "ISSUE", "STATE", "SESSIONS", "QUESTIONS", "PULL REQUESTS", "STARTED", "TITLE"],
    found.map((one) => [
      one.id,
      `${one.repository}#${one.issue}`,
      one.state,
      String(one.sessions),
      String(one.openQuestions.length),
      one.pullRequests.map(({ number, state }) => `#${number ?? "?"} ${state}`).join(", ") || "–",
      clockTime(one.startedAt),
      one.title.slice(0, 60),
    ]),
  );
}
