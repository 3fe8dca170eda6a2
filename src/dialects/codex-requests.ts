/** What Codex asks its client, answered at once from the profile: nobody is there to be asked. */
import type { Profile } from "./dialect.ts";
import { at, listAt, textAt } from "./json.ts";
import type { Note } from "./note.ts";
import { permit, type Permit, type ToolKind } from "./permit.ts";
import { answer, refuse, type RpcLine } from "./rpc.ts";

interface Answered {
  readonly write: readonly string[];
  readonly notes: readonly Note[];
}

const WHAT_CHARACTERS_MAX = 300;

export function answerCodex(
  profile: Profile,
  { id, method, params }: Extract<RpcLine, { kind: "request" }>,
): Answered {
  const decide = (kind: ToolKind, what: string, result: (allowed: Permit) => object): Answered => {
    const permission = permit(profile, kind);
    const note: Note = {
      kind: "permission",
      what: what.slice(0, WHAT_CHARACTERS_MAX),
      ...permission,
    };
    return { write: [answer(id, result(permission))], notes: [note] };
  };
  switch (method) {
    case "item/commandExecution/requestApproval":
      return decide("execute", textAt(params, "command") ?? "a command", decision);
    case "item/fileChange/requestApproval":
      return decide("edit", textAt(params, "reason") ?? "a change of files", decision);
    case "item/permissions/requestApproval":
      // More than the sandbox gives is never given.
      return {
        write: [answer(id, { permissions: {}, scope: "turn" })],
        notes: [refused(textAt(params, "reason") ?? "more permissions", "the sandbox decides")],
      };
    case "item/tool/requestUserInput":
      return { write: [answer(id, { answers: answersOf(params) })], notes: [] };
    case "mcpServer/elicitation/request":
      return elicitation(id, params, decide);
    case "item/tool/call":
      return {
        write: [answer(id, { contentItems: [], success: false })],
        notes: [],
      };
    default:
      return { write: [refuse(id, method)], notes: [] };
  }
}

const decision = ({ allowed }: Permit): object => ({ decision: allowed ? "accept" : "decline" });

const refused = (what: string, why: string): Note => ({
  kind: "permission",
  what: what.slice(0, WHAT_CHARACTERS_MAX),
  allowed: false,
  why,
});

/** A server that is configured may be called; a form for people is not filled in. */
function elicitation(
  id: string | number,
  params: unknown,
  decide: (kind: ToolKind, what: string, result: (permission: Permit) => object) => Answered,
): Answered {
  const server = textAt(params, "serverName") ?? "";
  const fields = at(params, "requestedSchema", "properties");
  const isApproval =
    textAt(params, "mode") === "form" && (fields === undefined || JSON.stringify(fields) === "{}");
  const what = `${server}: ${textAt(params, "message") ?? "a question"}`;
  if (isApproval)
    return decide("server", what, ({ allowed }) => ({
      action: allowed ? "accept" : "decline",
      content: allowed ? {} : null,
      _meta: null,
    }));
  return {
    write: [answer(id, { action: "decline", content: null, _meta: null })],
    notes: [refused(what, "nobody is there to fill in a form")],
  };
}

const USE_OURS = 'Nobody is at the keyboard. Use the tool ask_human of the MCP server "orcha".';

const answersOf = (params: unknown): object =>
  Object.fromEntries(
    listAt(params, "questions").map((question) => [
      textAt(question, "id") ?? "",
      { answers: [USE_OURS] },
    ]),
  );
