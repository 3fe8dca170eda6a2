/**
 * Plays a script from the start against what the conversation holds so far, and says what comes next. Nothing is kept
 * between requests: a resumed conversation, another process or another machine goes on where the last result stands.
 * (But for `status` steps with a number: how often one was given is the server's to count.)
 */
import { compile, type Action, type Instruction } from "../../../runners/script-agent/compile.ts";
import { fencedBlock, scriptBlock, type Script } from "../../../runners/script-agent/script.ts";
import { ScriptError } from "../../../runners/script-agent/steps.ts";
import { asText, fill, fillText } from "../../../runners/script-agent/template.ts";
import { readShell, shellOf } from "./commands.ts";
import type { Call, Entry, Move } from "./conversation.ts";
import { modelScript, nativeOf, restored, statusOf } from "./steps.ts";

/** How often this step was refused already; called once for each time it is to be refused now. */
export type Refused = (step: string) => number;

type Message = { readonly text: string; consumed: boolean };

/**
 * A brief for who has done the first part in a conversation that is not there any more. A model reads there what was done; a
 * script goes on where it waits last.
 */
const BEGUN = "You have worked on this before, in another checkout";

/** More than any story has; a list without end is a mistake. */
const INSTRUCTIONS_MAX = 20_000;
/** What programs say of a call that they or we cut off: it is made again. */
const CUT_OFF = /interrupted|aborted|cancelled|canceled|not decided yet/iu;

const wasCutOff = (text: string): boolean =>
  CUT_OFF.test(text) && readShell(text) === null && typeof parsed(text) === "string";

export function play(entries: readonly Entry[], refused: Refused): Move {
  const at = entries.findIndex((one) => one.kind === "message" && hasScript(one.text));
  if (at === -1) return end("I have no script.");
  const brief = entries[at]?.text ?? "";
  try {
    const script = modelScript(brief);
    if (script === undefined) return end("I have no script.");
    const player = new Player(script, entries.slice(at + 1), (step) =>
      refused(`${brief}\n${step}`),
    );
    return player.next(brief.includes(BEGUN));
  } catch (error) {
    if (!(error instanceof ScriptError || error instanceof SyntaxError)) throw error;
    return end(`My script failed: ${error.message}`);
  }
}

const isWait = (instruction: Instruction): boolean =>
  instruction.kind === "act" && "wait" in instruction.step;

const hasScript = (text: string): boolean => fencedBlock(text, "orcha-steps") !== undefined;

const end = (text: string): Move => ({ kind: "reply", reply: { text, call: null } });

class Player {
  readonly #script: Script;
  readonly #messages: Message[];
  readonly #results: Extract<Entry, { kind: "result" }>[];
  readonly #refused: Refused;
  readonly #variables: Record<string, unknown> = {};
  readonly #rounds = new Map<string, number>();
  #said: string[] = [];
  #position = 0;
  #ends = 0;

  constructor(script: Script, entries: readonly Entry[], refused: Refused) {
    this.#script = script;
    this.#refused = refused;
    this.#messages = entries
      .filter((one) => one.kind === "message")
      .map(({ text }) => ({ text, consumed: false }));
    this.#results = entries.filter((one) => one.kind === "result");
  }

  next(begun: boolean): Move {
    const code = compile(this.#script.steps);
    if (begun) this.#position = Math.max(0, code.findLastIndex(isWait));
    for (let count = 0; count < INSTRUCTIONS_MAX; count++) {
      const instruction = code[this.#position];
      if (instruction === undefined) return this.#end("That was all.");
      const where = "where" in instruction ? `${instruction.where}: ` : "";
      try {
        const move = this.#execute(instruction);
        if (move !== null) return move;
      } catch (error) {
        if (!(error instanceof ScriptError)) throw error;
        return this.#end(`My script failed: ${where}${error.message}`);
      }
    }
    return this.#end("My script has no end.");
  }

  #end(text: string): Move {
    return end([...this.#said, text].join("\n"));
  }

  #execute(instruction: Instruction): Move | null {
    switch (instruction.kind) {
      case "act":
        return this.#act(instruction.step, instruction.where);
      case "enter-loop":
        this.#rounds.set(instruction.slot, instruction.count);
        return this.#goTo(instruction.count > 0 ? this.#position + 1 : instruction.end);
      case "next-round": {
        const left = (this.#rounds.get(instruction.slot) ?? 1) - 1;
        this.#rounds.set(instruction.slot, left);
        return this.#goTo(left > 0 ? instruction.begin : this.#position + 1);
      }
      case "branch": {
        const value = fill(instruction.value, this.#variables);
        const equal = same(value, fill(instruction.equals, this.#variables));
        return this.#goTo(equal ? this.#position + 1 : instruction.otherwise);
      }
      case "jump":
        return this.#goTo(instruction.to);
      case "react": {
        const texts = [...instruction.handlers.map(({ text }) => text), instruction.until];
        const message = this.#take(texts);
        if (message === undefined) return this.#end(`Waiting for: ${texts.join(", ")}`);
        this.#save(instruction.save, contentOf(message));
        const handler = instruction.handlers.find(({ text }) => contains(message, text));
        return this.#goTo(handler?.to ?? instruction.end);
      }
    }
  }

  #goTo(position: number): null {
    this.#position = position;
    return null;
  }

  #act(step: Action, where: string): Move | null {
    const filled = (text: string): string => fillText(text, this.#variables);
    if ("say" in step) this.#said.push(filled(step.say));
    else if ("wait" in step) {
      const message = this.#take([filled(step.wait)]);
      if (message === undefined) return this.#end(`Waiting for: ${step.wait}`);
      this.#save(step.save, contentOf(message));
    } else if ("waitAll" in step) {
      if (!this.#takeAll(step.waitAll.map(filled)))
        return this.#end(`Waiting for: ${step.waitAll.join(" and ")}`);
    } else if ("endTurn" in step) {
      // Each one needs a message of its own to go on with.
      this.#ends += 1;
      if (this.#messages.length < this.#ends) return this.#end("That is it for now.");
      this.#said = [];
    } else if ("expect" in step && !("run" in step)) this.#check(step);
    else if ("hang" in step) return { kind: "hang" };
    else if ("stderr" in step) {
      const status = statusOf(step.stderr);
      if (status !== null && this.#refused(where) < status.times)
        return { kind: "refuse", refusal: status.refusal };
    } else {
      const move = this.#call(step);
      if (move !== null) return move;
    }
    return this.#goTo(this.#position + 1);
  }

  /** Asks for the call, unless its result is there. */
  #call(step: Action): Move | null {
    let tries = 0;
    for (let result = this.#results.shift(); result !== undefined; result = this.#results.shift()) {
      this.#said = [];
      if (wasCutOff(result.text) && tries++ < 5) continue;
      this.#finished(step, result);
      return null;
    }
    const call = this.#callOf(step);
    const text = this.#said.join("\n");
    return { kind: "reply", reply: { text, call } };
  }

  #callOf(step: Action): Call {
    const filled = (text: string): string => fillText(text, this.#variables);
    if ("tool" in step) {
      const native = nativeOf(step.tool);
      if (native === null) return { kind: "ours", tool: step.tool, args: this.#argumentsOf(step) };
      const args = Object.entries(step.args ?? {});
      return {
        kind: "native",
        tool: native,
        args: Object.fromEntries(args.map(([key, value]) => [key, fill(value, this.#variables)])),
      };
    }
    if ("write" in step)
      return { kind: "write", path: filled(step.write.path), content: filled(step.write.content) };
    return { kind: "shell", command: shellOf(step, filled) };
  }

  #finished(step: Action, { isError, text }: { readonly isError: boolean; readonly text: string }) {
    if ("tool" in step) {
      const expected = step.expectError === true;
      if (isError !== expected)
        throw new ScriptError(
          `the tool ${step.tool} ${expected ? "was expected to refuse, but said" : "said"}: ${text}`,
        );
      this.#save(step.save, parsed(text));
      return;
    }
    if ("write" in step) {
      if (isError) throw new ScriptError(`writing ${step.write.path}: ${text}`);
      return;
    }
    const ran = readShell(text);
    const expected = "run" in step ? (step.expect ?? 0) : 0;
    if (ran?.code !== expected)
      throw new ScriptError(`ended with ${ran?.code ?? "no code"}, not ${expected}: ${text}`);
    if ("run" in step) this.#save(step.save, ran.output.trim());
  }

  /** `spawn_session` of a named worker carries that worker's list in its goal, as the script agent does it. */
  #argumentsOf(step: Extract<Action, { tool: string }>): Record<string, unknown> {
    const { worker, ...rest } = { ...step.args };
    const isSpawn = step.tool === "spawn_session";
    const called = Object.fromEntries(
      Object.entries(isSpawn ? rest : { ...step.args }).map(([key, value]) => [
        key,
        fill(value, this.#variables),
      ]),
    );
    if (!isSpawn) return called;
    const wanted = fill(worker, this.#variables) ?? called["title"];
    if (typeof wanted !== "string" || !Object.hasOwn(this.#script.workers, wanted)) return called;
    const goal = typeof called["goal"] === "string" ? `${called["goal"]}\n\n` : "";
    const list = scriptBlock(restored(this.#script.workers[wanted]));
    return { title: wanted, ...called, goal: `${goal}${list}` };
  }

  #take(texts: readonly string[]): Message | undefined {
    const message = this.#messages.find(
      (one) => !one.consumed && texts.some((text) => contains(one, text)),
    );
    if (message === undefined) return undefined;
    message.consumed = true;
    this.#said = [];
    return message;
  }

  #takeAll(texts: readonly string[]): boolean {
    const found = new Set<Message>();
    for (const text of texts) {
      const message = this.#messages.find(
        (one) => !one.consumed && !found.has(one) && contains(one, text),
      );
      if (message === undefined) return false;
      found.add(message);
    }
    for (const message of found) message.consumed = true;
    this.#said = [];
    return true;
  }

  #save(name: string | undefined, value: unknown): void {
    if (name !== undefined) this.#variables[name] = value;
  }

  #check(step: Extract<Action, { expect: string }>): void {
    const value = fill(step.expect, this.#variables);
    if (
      step.contains !== undefined &&
      !asText(value).includes(fillText(step.contains, this.#variables))
    )
      throw new ScriptError(`${step.expect} is ${asText(value)}, without ${step.contains}`);
    if (step.equals !== undefined && !same(value, fill(step.equals, this.#variables)))
      throw new ScriptError(`${step.expect} is ${asText(value)}, not ${asText(step.equals)}`);
  }
}

const contains = (message: Message, text: string): boolean =>
  message.text.toLowerCase().includes(text.toLowerCase());

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

const same = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other) || asText(one) === asText(other);
