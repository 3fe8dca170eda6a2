/**
 * Lists of steps as one flat list of instructions, so that the place where the agent is, is one number
 * that survives a crash.
 */
import type { Step } from "./steps.ts";

/** Steps that are done rather than jumped over or around. */
export type Action = Exclude<
  Step,
  | { readonly repeat: number }
  | { readonly when: string }
  | { readonly onMessage: Readonly<Record<string, readonly Step[]>> }
>;

export type Instruction =
  | { readonly kind: "act"; readonly where: string; readonly step: Action }
  | {
      readonly kind: "enter-loop";
      readonly slot: string;
      readonly count: number;
      readonly end: number;
    }
  | { readonly kind: "next-round"; readonly slot: string; readonly begin: number }
  | {
      readonly kind: "branch";
      readonly where: string;
      readonly value: string;
      readonly equals: unknown;
      readonly otherwise: number;
    }
  | { readonly kind: "jump"; readonly to: number }
  | {
      readonly kind: "react";
      readonly handlers: readonly { readonly text: string; readonly to: number }[];
      readonly until: string;
      readonly save: string | undefined;
      readonly end: number;
    };

/** `where` of an instruction counts steps as people do: "step 3", "step 4 steps 2". */
export function compile(steps: readonly Step[]): readonly Instruction[] {
  const code: Instruction[] = [];
  emitList(code, steps, "step");
  return code;
}

function emitList(code: Instruction[], steps: readonly Step[], where: string): void {
  for (const [index, step] of steps.entries()) emit(code, step, `${where} ${index + 1}`);
}

function emit(code: Instruction[], step: Step, where: string): void {
  if ("repeat" in step) emitLoop(code, step, where);
  else if ("when" in step) emitBranch(code, step, where);
  else if ("onMessage" in step) emitReact(code, step, where);
  else code.push({ kind: "act", where, step });
}

function emitLoop(
  code: Instruction[],
  step: Extract<Step, { repeat: number }>,
  where: string,
): void {
  const slot = where;
  const enter = reserve(code);
  const begin = code.length;
  emitList(code, step.steps, `${where} steps`);
  code.push({ kind: "next-round", slot, begin });
  code[enter] = { kind: "enter-loop", slot, count: step.repeat, end: code.length };
}

function emitBranch(
  code: Instruction[],
  step: Extract<Step, { when: string }>,
  where: string,
): void {
  const branch = reserve(code);
  emitList(code, step.steps, `${where} steps`);
  const over = reserve(code);
  const otherwise = code.length;
  emitList(code, step.else ?? [], `${where} else`);
  code[over] = { kind: "jump", to: code.length };
  code[branch] = { kind: "branch", where, value: step.when, equals: step.equals, otherwise };
}

function emitReact(
  code: Instruction[],
  step: Extract<Step, { onMessage: Readonly<Record<string, readonly Step[]>> }>,
  where: string,
): void {
  const react = reserve(code);
  const handlers = Object.entries(step.onMessage).map(([text, steps]) => {
    const to = code.length;
    emitList(code, steps, `${where} ${text}`);
    code.push({ kind: "jump", to: react });
    return { text, to };
  });
  const { until, save } = step;
  code[react] = { kind: "react", handlers, until, save, end: code.length };
}

/** A place whose instruction is known only when what follows is. */
function reserve(code: Instruction[]): number {
  return code.push({ kind: "jump", to: code.length + 1 }) - 1;
}
