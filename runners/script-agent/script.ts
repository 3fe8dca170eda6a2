/** Finds the script in a brief: the fenced block `orcha-steps`. */
import { type Step, ScriptError, parseSteps } from "./steps.ts";

export interface Script {
  readonly steps: readonly Step[];
  /** Lists of the workers as written, to be handed on by `spawn_session`. */
  readonly workers: Readonly<Record<string, unknown>>;
}

const INFO = "orcha-steps";

/** Throws ScriptError. */
export function scriptIn(brief: string): Script {
  const block = fencedBlock(brief, INFO);
  if (block === undefined)
    throw new ScriptError(`the brief has no fenced block \`${INFO}\`; see docs/script-agent.md`);
  const value = parseJson(block);
  if (Array.isArray(value)) return { steps: parseSteps(value, "script"), workers: {} };
  if (typeof value !== "object" || value === null || !("manager" in value))
    throw new ScriptError(
      'the script is neither a list of steps nor {"manager": […], "workers": {…}}',
    );
  const unknown = Object.keys(value).filter((key) => key !== "manager" && key !== "workers");
  if (unknown.length > 0)
    throw new ScriptError(`unknown key ${unknown.join(", ")}; known keys: manager, workers`);
  const workers = "workers" in value ? value.workers : {};
  if (typeof workers !== "object" || workers === null || Array.isArray(workers))
    throw new ScriptError('"workers" is not an object of lists');
  // Checked here already: the mistake is told to whoever wrote it, before anything is done.
  for (const [name, list] of Object.entries(workers)) parseSteps(list, `workers.${name}`);
  return { steps: parseSteps(value.manager, "manager"), workers: { ...workers } };
}

/** A worker's list as a block to append to its goal. */
export function scriptBlock(list: unknown): string {
  const json = JSON.stringify(list, null, 1);
  const longest = Math.max(2, ...[...json.matchAll(/`+/gu)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${INFO}\n${json}\n${fence}`;
}

/** The text of the first fenced block with this info string. Block quotes and lists around it are not looked into. */
export function fencedBlock(markdown: string, info: string): string | undefined {
  let fence: string | undefined;
  let block: string[] | undefined;
  for (const line of markdown.split(/\r?\n/u)) {
    const found = /^ {0,3}(?<fence>`{3,}|~{3,})[ \t]*(?<info>[^`]*)$/u.exec(line)?.groups;
    if (fence === undefined) {
      if (found?.["fence"] === undefined) continue;
      fence = found["fence"];
      block = found["info"]?.trim().split(/\s/u, 1)[0] === info ? [] : undefined;
      continue;
    }
    const closes = found?.["fence"]?.startsWith(fence) === true && found["info"]?.trim() === "";
    if (!closes) {
      block?.push(line);
      continue;
    }
    if (block !== undefined) return block.join("\n");
    fence = undefined;
  }
  return block?.join("\n");
}

function parseJson(block: string): unknown {
  try {
    return JSON.parse(block);
  } catch (error) {
    throw new ScriptError(
      `the script is not JSON: ${error instanceof Error ? error.message : ""}`,
      {
        cause: error,
      },
    );
  }
}
