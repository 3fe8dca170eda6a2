/** Steps as shell commands whose exit code and output can be read in whatever a program makes of them. */
import type { Action } from "../../../runners/script-agent/compile.ts";
import { ScriptError } from "../../../runners/script-agent/steps.ts";

const BEGIN = "[[begin]]";
const RAN = /\[\[begin\]\](?<output>[\s\S]*)\[\[exit (?<code>\d+)\]\]/u;

export function shellOf(step: Action, filled: (text: string) => string): string {
  return `echo '${BEGIN}'; (\n${commandOf(step, filled)}\n) 2>&1; echo "[[exit $?]]"`;
}

/** Null = this is not the output of a command of ours. */
export function readShell(text: string): { readonly code: number; readonly output: string } | null {
  const found = RAN.exec(text)?.groups;
  return found === undefined
    ? null
    : { code: Number(found["code"]), output: found["output"] ?? "" };
}

function commandOf(step: Action, filled: (text: string) => string): string {
  if ("run" in step) return filled(step.run);
  if ("append" in step)
    return `printf %s '${base64(filled(step.append.content))}' | base64 -d >> ${quoted(filled(step.append.path))}`;
  if ("replace" in step) {
    const { path, find, with: replacement } = step.replace;
    return `node -e '${REPLACE}' ${[path, find, replacement].map((text) => `=${base64(filled(text))}`).join(" ")}`;
  }
  if ("delete" in step) return `rm -r ${quoted(filled(step.delete))}`;
  if ("commit" in step)
    return `git add -A && git commit -q --no-verify -m ${quoted(filled(step.commit))}`;
  // Claude Code refuses a command that begins with sleep.
  if ("sleep" in step) return `node -e 'setTimeout(() => {}, ${step.sleep})'`;
  throw new ScriptError(`a model has no step ${Object.keys(step).join(", ")}`);
}

const REPLACE = `const [path, find, other] = process.argv.slice(1).map((text) => Buffer.from(text.slice(1), "base64").toString());
const fs = require("node:fs"), parts = fs.readFileSync(path, "utf8").split(find);
if (parts.length !== 2) throw new Error(find + " stands " + (parts.length - 1) + " times in " + path);
fs.writeFileSync(path, parts.join(other));`;

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const base64 = (text: string): string => Buffer.from(text).toString("base64");
