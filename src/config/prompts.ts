/** The texts of the roles: those of the package (prompts/), and files that the configuration names instead. */
import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import * as z from "zod";
import { PROMPT_MAX, promptProblem, type PromptName, type Prompts } from "../domain/brief.ts";

const File = z.string().min(1).max(4_096);

/** `prompts` of the configuration file: by role, a path; relative ones from the directory of that file. */
export const PromptFiles = z.strictObject({
  manager: File.exactOptional(),
  worker: File.exactOptional(),
  "follow-up": File.exactOptional(),
  reviewer: File.exactOptional(),
});
export type PromptFiles = z.infer<typeof PromptFiles>;

/** Throws Error for a file that cannot be read or does not fit; its message names role, file and what is wrong. */
export function readPrompts(files: PromptFiles = {}, directory = "."): Prompts {
  const read = (name: PromptName): string => {
    const file = files[name];
    if (file === undefined) return ownPrompt(name);
    const text = readText(file, directory, `prompts.${name}`);
    const problem = promptProblem(name, text);
    if (problem === null) return text;
    throw new Error(`prompts.${name} is ${JSON.stringify(file)}, which ${problem}`);
  };
  return {
    manager: read("manager"),
    worker: read("worker"),
    "follow-up": read("follow-up"),
    reviewer: read("reviewer"),
  };
}

/** What an agent's configuration adds: plain text, without placeholders. Throws like `readPrompts`. */
export function readAddition(file: string, directory: string, key: string): string {
  const text = readText(file, directory, key);
  if (text.trim() !== "" && text.length <= PROMPT_MAX) return text;
  throw new Error(
    `${key} is ${JSON.stringify(file)}, which must have 1 to ${PROMPT_MAX} characters`,
  );
}

function readText(file: string, directory: string, key: string): string {
  try {
    return readFileSync(isAbsolute(file) ? file : resolve(directory, file), "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new Error(`${key} is ${JSON.stringify(file)}, which cannot be read (${code})`, {
      cause: error,
    });
  }
}

function ownPrompt(name: PromptName): string {
  for (const up of ["../../prompts/", "../../../prompts/"])
    try {
      return readFileSync(new URL(`${up}${name}.md`, import.meta.url), "utf8");
    } catch {
      // Another depth: sources and the published package differ by one folder.
    }
  throw new Error(`prompts/${name}.md is missing in this installation; install it again`);
}
