/**
 * The agent: takes messages, runs the script in turns, survives being killed at any point.
 *
 *     message ─▶ taken ─▶ turn-start ─▶ steps … ─▶ turn-end ─▶ (next message)
 *
 * A turn ends when the list is at its end, when a wait finds no message, or at a failure.
 */
import { setTimeout as delay } from "node:timers/promises";
import process from "node:process";
import {
  appendFile,
  commitAll,
  deleteFile,
  type Intents,
  printGarbage,
  replaceInFile,
  runCommand,
  writeFile,
} from "./actions.ts";
import { type Action, type Instruction, compile } from "./compile.ts";
import type { MemoryFile, Message } from "./memory.ts";
import { print, write } from "./output.ts";
import { type Script, fencedBlock, scriptBlock, scriptIn } from "./script.ts";
import { ScriptError } from "./steps.ts";
import { asText, fill, fillText } from "./template.ts";
import type { Toolbox } from "./toolbox.ts";

/** What to do after an instruction. */
type Next = "go-on" | "turn-over";

export class ScriptAgent {
  readonly #file: MemoryFile;
  readonly #toolbox: Toolbox;
  #turn: Promise<void> | undefined;

  constructor(file: MemoryFile, toolbox: Toolbox) {
    this.#file = file;
    this.#toolbox = toolbox;
  }

  /** Says hello and takes up a turn that a killed process left open. */
  begin(): void {
    this.#file.save();
    print({ type: "ready", conversation: this.#file.memory.conversation });
    if (this.#file.memory.turnOpen) this.#startTurn();
  }

  /** Takes a message; begins a turn unless one runs. The same uuid again changes nothing. */
  take(uuid: string, text: string): void {
    const { memory } = this.#file;
    if (!memory.messages.some((message) => message.uuid === uuid)) {
      const isBrief = memory.brief === null;
      if (isBrief) memory.brief = text;
      memory.messages.push({ uuid, text, consumed: isBrief });
      this.#file.save();
    }
    print({ type: "taken", uuid });
    if (this.#turn === undefined) this.#startTurn();
  }

  /** Resolves when no turn runs. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  #startTurn(): void {
    this.#turn = this.#runTurn().finally(() => {
      this.#turn = undefined;
    });
  }

  async #runTurn(): Promise<void> {
    const { memory } = this.#file;
    memory.turnOpen = true;
    this.#file.save();
    print({ type: "turn-start" });
    let where = "";
    try {
      const script = scriptIn(memory.brief ?? "");
      const code = compile(script.steps);
      if (memory.position >= code.length) print({ type: "text", text: "my script is at its end" });
      for (let next: Next = "go-on"; next === "go-on";) {
        const instruction = code[memory.position];
        if (instruction === undefined) break;
        where = "where" in instruction ? `${instruction.where}: ` : "";
        const looked = memory.messages.length;
        const at = memory.position;
        next = await this.#execute(instruction, script);
        // A message that was taken meanwhile belongs to this turn: the wait looks again before the turn ends.
        const waits = next === "turn-over" && memory.position === at;
        if (waits && memory.messages.length > looked) next = "go-on";
      }
      this.#endTurn();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#endTurn({ reason: `${where}${reason}`, retry: !(error instanceof ScriptError) });
    }
  }

  #endTurn(failure?: { readonly reason: string; readonly retry: boolean }): void {
    this.#file.memory.turnOpen = false;
    this.#file.save();
    print({ type: "turn-end", ...(failure === undefined ? {} : { failure }) });
  }

  async #execute(instruction: Instruction, script: Script): Promise<Next> {
    const { memory } = this.#file;
    switch (instruction.kind) {
      case "act": {
        const next = await this.#act(instruction.step, script);
        return next;
      }
      case "enter-loop":
        memory.loops[instruction.slot] = instruction.count;
        return this.#goTo(instruction.count > 0 ? memory.position + 1 : instruction.end);
      case "next-round": {
        const left = (memory.loops[instruction.slot] ?? 1) - 1;
        memory.loops[instruction.slot] = left;
        return this.#goTo(left > 0 ? instruction.begin : memory.position + 1);
      }
      case "branch": {
        const value = fill(instruction.value, memory.variables);
        const equal = same(value, fill(instruction.equals, memory.variables));
        return this.#goTo(equal ? memory.position + 1 : instruction.otherwise);
      }
      case "jump":
        return this.#goTo(instruction.to);
      case "react": {
        const texts = [...instruction.handlers.map(({ text }) => text), instruction.until];
        const message = this.#find(texts);
        if (message === undefined) return "turn-over";
        message.consumed = true;
        if (instruction.save !== undefined) memory.variables[instruction.save] = contentOf(message);
        const handler = instruction.handlers.find(({ text }) => contains(message, text));
        return this.#goTo(handler?.to ?? instruction.end);
      }
    }
  }

  /** Moves on: what was done before this line is not done again. */
  #goTo(position: number): Next {
    const { memory } = this.#file;
    memory.position = position;
    memory.intent = null;
    this.#file.save();
    return "go-on";
  }

  #advance(next: Next = "go-on"): Next {
    this.#goTo(this.#file.memory.position + 1);
    return next;
  }

  get #intents(): Intents {
    const { memory } = this.#file;
    const remember = (intent: string): void => {
      memory.intent = intent;
      this.#file.save();
    };
    return { known: memory.intent, remember };
  }

  #save(name: string | undefined, value: unknown): void {
    if (name !== undefined) this.#file.memory.variables[name] = value;
  }

  /** The oldest message nobody waited for yet that contains one of the texts. */
  #find(texts: readonly string[]): Message | undefined {
    return this.#file.memory.messages.find(
      (message) => !message.consumed && texts.some((text) => contains(message, text)),
    );
  }

  async #act(step: Action, script: Script): Promise<Next> {
    const filled = (text: string): string => fillText(text, this.#file.memory.variables);
    if ("run" in step) {
      const { code, output } = await runCommand(filled(step.run), step.timeoutMs);
      const expected = step.expect ?? 0;
      if (code !== expected)
        throw new ScriptError(
          `\`${step.run}\` ended with ${code}, not ${expected}: ${output.slice(-500)}`,
        );
      this.#save(step.save, output.trim());
    } else if ("tool" in step) await this.#callTool(step, script);
    else if ("wait" in step) {
      const message = this.#find([filled(step.wait)]);
      if (message === undefined) return "turn-over";
      message.consumed = true;
      this.#save(step.save, contentOf(message));
    } else if ("waitAll" in step) return this.#waitAll(step.waitAll.map(filled));
    else if ("expect" in step) this.#check(step);
    else if ("sleep" in step) await delay(step.sleep);
    else if ("hang" in step) await new Promise<never>(() => {});
    else if ("exit" in step) {
      this.#advance();
      process.exit(step.exit);
    } else if ("crash" in step) {
      this.#advance();
      process.kill(process.pid, step.crash);
      await delay(1000);
    } else if ("endTurn" in step) return this.#advance("turn-over");
    else doSimply(step, filled, this.#intents);
    return this.#advance();
  }

  #waitAll(texts: readonly string[]): Next {
    const found = new Set<Message>();
    for (const text of texts) {
      const message = this.#file.memory.messages.find(
        (one) => !one.consumed && !found.has(one) && contains(one, text),
      );
      if (message === undefined) return "turn-over";
      found.add(message);
    }
    for (const message of found) message.consumed = true;
    return this.#advance();
  }

  #check(step: Extract<Action, { expect: string; equals?: unknown }>): void {
    const { variables } = this.#file.memory;
    const value = fill(step.expect, variables);
    const shown = asText(value).slice(0, 500);
    if (step.contains !== undefined) {
      const wanted = fillText(step.contains, variables);
      if (!asText(value).includes(wanted))
        throw new ScriptError(`${step.expect} is ${shown}, which does not contain ${wanted}`);
    }
    if (step.equals === undefined) return;
    const wanted = fill(step.equals, variables);
    if (!same(value, wanted))
      throw new ScriptError(`${step.expect} is ${shown}, not ${asText(wanted)}`);
  }

  async #callTool(step: Extract<Action, { tool: string }>, script: Script): Promise<void> {
    const { variables } = this.#file.memory;
    const args = withWorker(step.tool, { ...step.args }, { script, variables });
    print({ type: "tool", name: step.tool, input: args });
    const { isError, text } = await this.#toolbox.call(step.tool, args);
    print({ type: "tool-result", name: step.tool, isError, output: text });
    if (isError && step.expectError !== true)
      throw new ScriptError(`the tool ${step.tool} said: ${text}`);
    if (!isError && step.expectError === true)
      throw new ScriptError(`the tool ${step.tool} was expected to refuse, but said: ${text}`);
    this.#save(step.save, parsed(text));
  }
}

type Simple = Extract<
  Action,
  | { say: string }
  | { write: unknown }
  | { append: unknown }
  | { replace: unknown }
  | { delete: string }
  | { commit: string }
  | { garbage: number }
  | { longLine: number }
  | { stderr: string }
>;

function doSimply(step: Simple, filled: (text: string) => string, intents: Intents): void {
  if ("say" in step) print({ type: "text", text: filled(step.say) });
  else if ("write" in step) writeFile(filled(step.write.path), filled(step.write.content), intents);
  else if ("append" in step)
    appendFile(filled(step.append.path), filled(step.append.content), intents);
  else if ("replace" in step) {
    const { path, find, with: replacement } = step.replace;
    replaceInFile({ path: filled(path), find: filled(find), with: filled(replacement) }, intents);
  } else if ("delete" in step) deleteFile(filled(step.delete), intents);
  else if ("commit" in step) commitAll(filled(step.commit), intents);
  else if ("garbage" in step) printGarbage(step.garbage);
  else if ("longLine" in step) print({ type: "text", text: "x".repeat(step.longLine) });
  else write(2, Buffer.from(`${filled(step.stderr)}\n`));
}

/** `spawn_session` of a named worker carries that worker's list in its goal. The list is handed on as written. */
function withWorker(
  tool: string,
  args: Record<string, unknown>,
  {
    script,
    variables,
  }: { readonly script: Script; readonly variables: Readonly<Record<string, unknown>> },
): Record<string, unknown> {
  const { worker, ...rest } = args;
  const isSpawn = tool === "spawn_session";
  const called = Object.fromEntries(
    Object.entries(isSpawn ? rest : args).map(([key, value]) => [key, fill(value, variables)]),
  );
  if (!isSpawn) return called;
  const wanted = fill(worker, variables) ?? called["title"];
  if (typeof wanted !== "string") return called;
  if (!Object.hasOwn(script.workers, wanted)) {
    if (worker === undefined) return called;
    const known = Object.keys(script.workers).join(", ") || "none";
    throw new ScriptError(`there is no worker ${wanted} in "workers"; there are: ${known}`);
  }
  const goal = typeof called["goal"] === "string" ? `${called["goal"]}\n\n` : "";
  return {
    title: wanted,
    ...called,
    goal: `${goal}${scriptBlock(script.workers[wanted])}`,
  };
}

function contains(message: Message, text: string): boolean {
  return message.text.toLowerCase().includes(text.toLowerCase());
}

function contentOf({ text }: Message): { readonly text: string; readonly data: unknown } {
  const block = fencedBlock(text, "json");
  return { text, data: block === undefined ? null : parsed(block) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Plain text is a value too.
    return text;
  }
}

function same(one: unknown, other: unknown): boolean {
  return (
    one === other || JSON.stringify(one) === JSON.stringify(other) || asText(one) === asText(other)
  );
}
