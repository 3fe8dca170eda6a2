/**
 * The texts that agents are told first, by role. They are files (prompts/), which whoever runs the server may replace and
 * a repository may add to; what says that other people's words are data is not among them, and always follows (prompt.ts).
 */

export type PromptName = "manager" | "worker" | "follow-up" | "reviewer";
export type Prompts = Readonly<Record<PromptName, string>>;

/** What stands for what in which text: `{repository}` and so on. */
export const PLACEHOLDERS = {
  manager: ["repository", "issue", "branch"],
  worker: ["repository", "issue", "branch", "title"],
  "follow-up": [],
  reviewer: ["repository", "issue", "branch", "title", "pull_request", "commit"],
} as const satisfies Readonly<Record<PromptName, readonly string[]>>;

/** Longest text of one role, in characters. */
export const PROMPT_MAX = 8_000;

const PLACEHOLDER = /\{(?<name>[a-z][a-z_]*)\}/gu;

/** What is wrong with a text, as in "must …"; null = nothing. */
export function promptProblem(name: PromptName, text: string): string | null {
  if (text.trim() === "") return "must not be empty";
  if (text.length > PROMPT_MAX)
    return `must have at most ${PROMPT_MAX} characters, and has ${text.length}`;
  const known: readonly string[] = PLACEHOLDERS[name];
  const wrong = [...text.matchAll(PLACEHOLDER)].find(([, found = ""]) => !known.includes(found));
  if (wrong === undefined) return null;
  const there = known.map((one) => `{${one}}`).join(", ") || "none";
  return `must not hold ${wrong[0]}: it may hold ${there}`;
}

/** In one pass: what is put in is not looked at again, whoever wrote it. */
export const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text.trim().replaceAll(PLACEHOLDER, (whole, name: string) => values[name] ?? whole);

/** An agent by its name, as far as the rules have to know it. */
export interface AgentFact {
  readonly name: string;
  /** Who takes over when it has hit its provider's limit; null = nobody. */
  readonly next: string | null;
  /** Said to this agent after the text of its role; null = nothing. */
  readonly prompt: string | null;
  /** Its conversation stays in the directory where it began; missing = it goes along. */
  readonly bound?: boolean;
}
