/**
 * The step language: what a list may say, and what is said about a mistake. Every mistake is found before
 * the first step runs, in the lists of the workers too. docs/script-agent.md is the reference for people.
 */
import * as z from "zod/mini";

export type Step =
  | { readonly say: string }
  | {
      readonly run: string;
      readonly expect?: number | undefined;
      readonly save?: string | undefined;
      readonly timeoutMs?: number | undefined;
    }
  | { readonly write: { readonly path: string; readonly content: string } }
  | { readonly append: { readonly path: string; readonly content: string } }
  | { readonly replace: { readonly path: string; readonly find: string; readonly with: string } }
  | { readonly delete: string }
  | { readonly commit: string }
  | {
      readonly tool: string;
      readonly args?: Readonly<Record<string, unknown>> | undefined;
      readonly save?: string | undefined;
      readonly expectError?: boolean | undefined;
    }
  | { readonly wait: string; readonly save?: string | undefined }
  | { readonly waitAll: readonly string[] }
  | { readonly sleep: number }
  | { readonly repeat: number; readonly steps: readonly Step[] }
  | {
      readonly when: string;
      readonly equals: unknown;
      readonly steps: readonly Step[];
      readonly else?: readonly Step[] | undefined;
    }
  | {
      readonly onMessage: Readonly<Record<string, readonly Step[]>>;
      readonly until: string;
      readonly save?: string | undefined;
    }
  | { readonly expect: string; readonly equals?: unknown; readonly contains?: string | undefined }
  | { readonly garbage: number }
  | { readonly longLine: number }
  | { readonly stderr: string }
  | { readonly exit: number }
  | { readonly crash: string }
  | { readonly hang: true }
  | { readonly endTurn: true };

const text = z.string();
const count = z.int().check(z.gte(0));
const name = z.string().check(z.regex(/^[A-Za-z_]\w{0,63}$/u));
const steps = z.array(z.unknown()).check(z.maxLength(1000));
const file = { path: text, content: text };
const signal = z.enum(["SIGKILL", "SIGTERM", "SIGABRT", "SIGSEGV"]);
const bytes = count.check(z.lte(16 * 1024 * 1024));

/** Verb → what else the step may have. The first verb of a step counts: `run` comes before its own `expect`. */
const VERBS = {
  say: z.strictObject({ say: text }),
  run: z.strictObject({
    run: text,
    expect: z.optional(z.int()),
    save: z.optional(name),
    timeoutMs: z.optional(count),
  }),
  write: z.strictObject({ write: z.strictObject(file) }),
  append: z.strictObject({ append: z.strictObject(file) }),
  replace: z.strictObject({ replace: z.strictObject({ path: text, find: text, with: text }) }),
  delete: z.strictObject({ delete: text }),
  commit: z.strictObject({ commit: text }),
  tool: z.strictObject({
    tool: text,
    args: z.optional(z.record(z.string(), z.unknown())),
    save: z.optional(name),
    expectError: z.optional(z.boolean()),
  }),
  wait: z.strictObject({ wait: text, save: z.optional(name) }),
  waitAll: z.strictObject({ waitAll: z.array(text) }),
  sleep: z.strictObject({ sleep: count.check(z.lte(3_600_000)) }),
  repeat: z.strictObject({ repeat: count.check(z.lte(10_000)), steps }),
  when: z.strictObject({ when: text, equals: z.unknown(), steps, else: z.optional(steps) }),
  onMessage: z.strictObject({
    onMessage: z.record(z.string(), steps),
    until: text,
    save: z.optional(name),
  }),
  expect: z.strictObject({
    expect: text,
    equals: z.optional(z.unknown()),
    contains: z.optional(text),
  }),
  garbage: z.strictObject({ garbage: bytes }),
  longLine: z.strictObject({ longLine: bytes }),
  stderr: z.strictObject({ stderr: text }),
  exit: z.strictObject({ exit: count.check(z.lte(255)) }),
  crash: z.strictObject({ crash: signal }),
  hang: z.strictObject({ hang: z.literal(true) }),
  endTurn: z.strictObject({ endTurn: z.literal(true) }),
} as const;

type Verb = keyof typeof VERBS;
const verbs = Object.keys(VERBS);
/** Lists nest; a list that does not end is a mistake, not a plan. */
const DEPTH_MAX = 8;

/** What is wrong with a script, in words for whoever wrote the brief. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

/** Checks a list and all lists in it. `where` begins every message. Throws ScriptError. */
export function parseSteps(value: unknown, where: string, depth = 0): Step[] {
  if (!Array.isArray(value)) throw new ScriptError(`${where}: not a list of steps`);
  if (depth > DEPTH_MAX)
    throw new ScriptError(`${where}: lists are nested deeper than ${DEPTH_MAX}`);
  return value.map((step: unknown, index) => parseStep(step, `${where} step ${index + 1}`, depth));
}

function verbOf(step: object): Verb | undefined {
  return verbs.find((verb): verb is Verb => Object.hasOwn(step, verb));
}

function parseStep(value: unknown, where: string, depth: number): Step {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ScriptError(`${where}: not an object such as {"say": "…"}`);
  const verb = verbOf(value);
  if (verb === undefined) {
    const found = Object.keys(value).join(", ") || "nothing";
    throw new ScriptError(`${where}: unknown step (${found}); known steps: ${verbs.join(", ")}`);
  }
  const parsed = z.safeParse(VERBS[verb], value);
  if (!parsed.success) throw new ScriptError(`${where} (${verb}): ${explain(parsed.error.issues)}`);
  const inner = (list: unknown, label: string): Step[] =>
    parseSteps(list, `${where} (${verb}) ${label}`, depth + 1);
  const step = parsed.data;
  if ("repeat" in step) return { ...step, steps: inner(step.steps, "steps") };
  if ("when" in step)
    return {
      when: step.when,
      equals: step.equals,
      steps: inner(step.steps, "steps"),
      else: step.else === undefined ? [] : inner(step.else, "else"),
    };
  if ("onMessage" in step) {
    const lists: Record<string, Step[]> = {};
    for (const [key, list] of Object.entries(step.onMessage)) lists[key] = inner(list, key);
    return { ...step, onMessage: lists };
  }
  if (
    !("run" in step) &&
    "expect" in step &&
    step.equals === undefined &&
    step.contains === undefined
  )
    throw new ScriptError(`${where} (expect): needs "equals" or "contains"`);
  return step;
}

interface Issue {
  readonly code?: string | undefined;
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[] | undefined;
}

function explain(issues: readonly Issue[]): string {
  const [issue] = issues;
  if (issue === undefined) return "not valid";
  const key = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return `unknown key ${(issue.keys ?? []).join(", ")}${key === "" ? "" : ` in ${key}`}`;
  return key === "" ? issue.message : `key ${key}: ${issue.message}`;
}
