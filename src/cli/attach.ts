/**
 * `orcha attach SESSION`: the transcript as it grows, from the last screenful on, how the session is, and lines from the keyboard
 * (or a pipe) for its agent. A line is stored by the server before anything else becomes of it; until then it is sent again and
 * again, under the same name, so that it is heard once. Leaving changes nothing: the agent goes on.
 */
import { openCatalog } from "../agents/catalog.ts";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../config.ts";
import { openTranscripts } from "../store/transcripts.ts";
import { ask as askServer, localConfig } from "./client.ts";
import { change, find } from "./logs.ts";
import { harmless } from "../lib/harmless.ts";
import { CliError, print, remark } from "./output.ts";
import { ask } from "./person.ts";
import { accepted, Detail, detail, type Line } from "./session-client.ts";
import { LINE_MAX } from "./session-routes.ts";
import { shell } from "./shell.ts";
import { watchInTmux } from "./tmux.ts";
import { Shown } from "./transcript-view.ts";

export interface AttachOptions {
  readonly shell?: boolean;
  readonly tmux?: boolean;
}

export async function attach(id: string, options: AttachOptions): Promise<void> {
  if (options.shell === true) return shell(id);
  const config = localConfig();
  await detail(config, id);
  const inTmux = options.tmux === true || process.env["ORCHA_TMUX"] === "1";
  // The pane itself runs this command, too.
  if (inTmux && process.env["ORCHA_TMUX_PANE"] === undefined) return watchInTmux(config, id);
  await new Attached(config, id).run();
}

/** Lines of what was before. */
const BEFORE = { min: 10, default: 40 };
const LOOK_MS = 500;
/** At the end of a pipe: how long its last lines are followed. */
const FATE_MS_MAX = 15_000;
const WAITING_MAX = 100;

interface Typed {
  readonly id: string;
  readonly by: string;
  readonly text: string;
}

class Attached {
  readonly #config: Config;
  readonly #id: string;
  /** Not stored yet, oldest first. */
  readonly #waiting: Typed[] = [];
  /** Stored, and what was last said of it. */
  readonly #stored = new Map<string, { readonly text: string; said: string }>();
  readonly #left = new AbortController();
  #inputOver = false;
  #status = "";
  #serverGone = false;

  constructor(config: Config, id: string) {
    this.#config = config;
    this.#id = id;
  }

  async run(): Promise<void> {
    this.#listen();
    const following = this.#follow();
    try {
      await this.#look();
    } finally {
      this.#left.abort();
      await following;
    }
  }

  #listen(): void {
    const input = createInterface({ input: process.stdin, terminal: false });
    input.on("line", (text) => this.#type(text));
    input.on("close", () => {
      this.#inputOver = true;
    });
    const leave = (): void => {
      remark("left; the agent goes on");
      this.#left.abort();
    };
    process.once("SIGINT", leave);
    this.#left.signal.addEventListener("abort", () => {
      process.off("SIGINT", leave);
      input.close();
      process.stdin.unref?.();
    });
  }

  #type(line: string): void {
    const text = line.trim();
    if (text === "") return;
    if (text.length > LINE_MAX)
      remark(`not sent: ${text.length} characters; ${LINE_MAX} are the most`); // prettier-ignore
    else if (this.#waiting.length >= WAITING_MAX)
      remark(`not sent, ${WAITING_MAX} lines wait already: ${harmless(text)}`); // prettier-ignore
    else this.#waiting.push({ ...ask(), text });
  }

  /** The transcript, as it is written. */
  async #follow(): Promise<void> {
    const { dataDir, agents } = this.#config;
    const catalog = openCatalog(agents);
    const directory = join(dataDir, "transcripts");
    const before: string[] = [];
    const most = Math.max(BEFORE.min, (process.stdout.rows ?? BEFORE.default) - 4);
    let show = (line: string): void => {
      before.push(line);
      if (before.length > most) before.shift();
    };
    const shown = new Shown(
      { transcripts: openTranscripts(directory), catalog },
      {
        raw: false,
        print: (line) => show(line),
      },
    );
    while (!this.#left.signal.aborted) {
      shown.show(await find(join(dataDir, "orcha.db"), this.#id));
      for (const line of before.splice(0)) print(line);
      show = print;
      await Promise.race([change(directory), this.#aborted()]);
    }
  }

  #aborted(): Promise<void> {
    const { signal } = this.#left;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** How it is, and what becomes of what was typed; ends when there is nothing more to follow. */
  async #look(): Promise<void> {
    let overMs = 0;
    while (!this.#left.signal.aborted) {
      const found = await this.#askHow();
      if (found !== null) {
        this.#sayStatus(found);
        await this.#store();
        for (const line of found.lines) this.#sayFate(line);
        if (found.over) return;
      }
      const open = [...this.#stored.values()].filter(({ said }) => said !== "waits");
      const settled = this.#waiting.length === 0 && open.length === 0;
      if (this.#inputOver && (settled || overMs >= FATE_MS_MAX)) return this.#sayUnsettled();
      if (this.#inputOver) overMs += LOOK_MS;
      await Promise.race([delay(LOOK_MS), this.#aborted()]);
    }
  }

  /** null = no server is running now. */
  async #askHow(): Promise<Detail | null> {
    const answered = await askServer(this.#config, "GET", `/sessions/${this.#id}`).catch(
      () => null,
    );
    if (answered === null && !this.#serverGone)
      remark("(the server is away; what you type is kept here until it is back)");
    if (answered !== null && this.#serverGone) remark("(the server is back)");
    this.#serverGone = answered === null;
    return answered === null ? null : Detail.parse(accepted(answered));
  }

  async #store(): Promise<void> {
    for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
      const path = `/sessions/${this.#id}/say`;
      const answered = await askServer(this.#config, "POST", path, { body: line }).catch(
        () => null,
      );
      if (answered === null) return;
      this.#waiting.shift();
      if (answered.status < 300) this.#stored.set(line.id, { text: line.text, said: "" });
      else {
        const why = answered.status === 409 ? "the session has ended" : "the server refused it";
        remark(`  not stored, ${why}: ${harmless(line.text)}`);
      }
    }
  }

  #sayStatus({ status, runner, branch, away, questions }: Detail): void {
    const parts = [
      status,
      runner === null
        ? "no runner yet"
        : `on ${runner}${away === null ? "" : `, which is ${away}`}`,
      ...(branch === null ? [] : [branch]),
      ...questions.map(({ number, text }) => `question ${number}: ${text.slice(0, 200)}`),
    ];
    const line = `── ${parts.map(harmless).join(" · ")} ──`;
    if (line !== this.#status) remark(line);
    this.#status = line;
  }

  #sayFate({ id, fate, questions }: Line): void {
    const mine = this.#stored.get(id);
    if (mine === undefined || mine.said === fate) return;
    mine.said = fate;
    remark(`  ${WORDS[fate](questions)}: ${harmless(mine.text.slice(0, 80))}`);
    if (fate !== "waits" && fate !== "sent" && fate !== "queued") this.#stored.delete(id);
  }

  #sayUnsettled(): void {
    for (const { text } of this.#waiting) remark(`  NOT stored: ${harmless(text.slice(0, 80))}`);
    if (this.#waiting.length > 0)
      throw new CliError("no server took these lines; send them again", 3);
    for (const { text, said } of this.#stored.values())
      if (said === "") remark(`  stored: ${harmless(text.slice(0, 80))}`);
  }
}

const WORDS: Readonly<Record<Line["fate"], (questions: readonly number[]) => string>> = {
  waits: () => "stored, for its next turn",
  sent: () => "sent, not read yet",
  queued: () => "there; it waits for the end of the turn",
  steered: () => "delivered now, into its turn",
  delivered: () => "delivered",
  answer: (questions) => `taken as the answer to question ${questions.join()}`,
  ambiguous: (questions) =>
    `not passed on: questions ${questions.join(" and ")} are open; begin with the number of the one you answer (“${questions[0] ?? 1}: …”)`,
  late: () => "too late, the session has ended",
};
