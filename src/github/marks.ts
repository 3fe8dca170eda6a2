/** Reactions and closing: what is so already stays so, so these are simply repeated. */
import { at } from "./calls.ts";
import { statusOf } from "./outcome.ts";
import { CONTENT } from "./cost.ts";
import { DONE, type Perform } from "./performer.ts";

export const react: Perform<"react"> = async (performing, effect) => {
  const { repository, target, content } = effect;
  try {
    await performing.calls.write(repository, "issues", { ...CONTENT, priority: 2 }, (client) =>
      target.kind === "issue"
        ? client.request("POST /repos/{owner}/{repo}/issues/{issue_number}/reactions", {
            ...at(repository),
            issue_number: target.number,
            content,
          })
        : client.request("POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", {
            ...at(repository),
            comment_id: target.id,
            content,
          }),
    );
  } catch (error) {
    // The comment was deleted: there is nobody left to acknowledge.
    if (statusOf(error) !== 404) throw error;
  }
  return DONE;
};

export const closeIssue: Perform<"close-issue"> = async (performing, effect) => {
  const { repository, number } = effect;
  await performing.calls.write(repository, "issues", { ...CONTENT, priority: 3 }, (client) =>
    client.request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
      ...at(repository),
      issue_number: number,
      state: "closed",
      state_reason: "completed",
    }),
  );
  return DONE;
};
