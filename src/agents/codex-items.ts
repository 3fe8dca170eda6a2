/** Items of a Codex turn: what it says, thinks, runs and changes. */
import { at, listAt, numberAt, textAt } from "../dialects/json.ts";
import type { Finding } from "./driver.ts";

const SHOWN_CHARACTERS = 500;
const TEXT_CHARACTERS = 20_000;

export function itemBegins(item: unknown): readonly Finding[] {
  const call = textAt(item, "id") ?? null;
  const tells = (name: string, detail: string): readonly Finding[] => [
    { kind: "tool-call", call, name, detail: detail.slice(0, SHOWN_CHARACTERS) },
  ];
  switch (textAt(item, "type") ?? "") {
    case "commandExecution":
      return tells("shell", textAt(item, "command") ?? "");
    case "mcpToolCall":
    case "dynamicToolCall":
      return tells(toolName(item), argumentsOf(item));
    case "fileChange":
      return tells(
        "edit",
        changesOf(item)
          .map(({ path }) => path)
          .join(", "),
      );
    case "webSearch":
      return tells("web search", textAt(item, "query") ?? "");
    case "collabAgentToolCall":
      return tells(textAt(item, "tool") ?? "agent", textAt(item, "prompt") ?? "");
    default:
      return [];
  }
}

export function itemEnds(item: unknown): readonly Finding[] {
  const call = textAt(item, "id") ?? null;
  const result = (isError: boolean, text: string): Finding => ({
    kind: "tool-result",
    call,
    isError,
    text: text.slice(0, SHOWN_CHARACTERS),
  });
  const isBad = ["failed", "declined"].includes(textAt(item, "status") ?? "");
  switch (textAt(item, "type") ?? "") {
    case "agentMessage":
      return said("text", textAt(item, "text") ?? "");
    case "reasoning":
      return said("thinking", [...listAt(item, "summary"), ...listAt(item, "content")].join("\n"));
    case "commandExecution":
      return [
        result(
          isBad || (numberAt(item, "exitCode") ?? 0) !== 0,
          (textAt(item, "aggregatedOutput") ?? "").slice(-SHOWN_CHARACTERS),
        ),
      ];
    case "mcpToolCall":
    case "dynamicToolCall":
      return [result(isBad || isErrorResult(item), outputOf(item))];
    case "fileChange":
      return [...(isBad ? [] : changesOf(item)), result(isBad, "")];
    case "contextCompaction":
      return [{ kind: "unknown", text: "the conversation was shortened" }];
    default:
      return [];
  }
}

const said = (kind: "text" | "thinking", text: string): readonly Finding[] =>
  text.trim() === "" ? [] : [{ kind, text: text.slice(0, TEXT_CHARACTERS) }];

/** Tools of ours by their own name. */
function toolName(item: unknown): string {
  const server = textAt(item, "server") ?? textAt(item, "namespace");
  const tool = textAt(item, "tool") ?? "tool";
  return server === undefined || server === "orcha" ? tool : `${server}.${tool}`;
}

function argumentsOf(item: unknown): string {
  const value = at(item, "arguments");
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

const isErrorResult = (item: unknown): boolean =>
  at(item, "success") === false || at(item, "result", "isError") === true;

function outputOf(item: unknown): string {
  const parts = [...listAt(item, "result", "content"), ...listAt(item, "contentItems")];
  const texts = parts.map((part) => textAt(part, "text")).filter((text) => text !== undefined);
  return textAt(item, "error", "message") ?? texts.join("\n");
}

function changesOf(item: unknown): readonly Extract<Finding, { kind: "file-change" }>[] {
  return listAt(item, "changes").map((change) => ({
    kind: "file-change",
    path: textAt(change, "kind", "move_path") ?? textAt(change, "path") ?? "",
    change: CHANGES[textAt(change, "kind", "type") ?? ""] ?? "changed",
  }));
}

const CHANGES: Readonly<Record<string, "added" | "changed" | "removed">> = {
  add: "added",
  update: "changed",
  delete: "removed",
};
