/**
 * The people of a chaos run: they open and label issues, answer, review and merge, and change their minds, all by looking
 * at GitHub. What they wait for and what came of it is how a run knows that nothing was lost.
 */
import type { Comment, Issue, Pull } from "../../src/emulator/model.ts";
import { Problem } from "../../src/emulator/problem.ts";
import type { World } from "../../src/emulator/world.ts";
import type { Random } from "../sim/random.ts";
import { LABEL, TRUSTED } from "./github.ts";
import { ANSWER, type Wish } from "./wishes.ts";

export interface PeopleOptions {
  readonly random: Random;
  readonly world: World;
  readonly botLogin: string;
}

export interface Asked {
  readonly wish: Wish;
  readonly number: number;
  readonly labelledAt: number;
  /** `regretted`: closed or unlabelled by a person. `given-up`: closed because Orcha said that it hit a problem. */
  readonly state: "asked" | "regretted" | "given-up";
}

interface Known {
  readonly wish: Wish;
  readonly number: number;
  labelledAt: number;
  state: Asked["state"];
  relabelled: boolean;
  readonly answered: Set<number>;
  /** Head of the pull request when it was reviewed, by its number. */
  readonly reviewed: Map<number, string>;
}

/** A person looks at the issue again after so long before putting the label back. */
const RELABEL_MS = 2_500;

export class People {
  readonly #options: PeopleOptions;
  readonly #asked: Known[] = [];

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  get asked(): readonly Asked[] {
    return this.#asked;
  }

  /** Wishes whose issue is open: somebody waits for something. */
  get open(): number {
    return this.#asked.filter((one) => this.#issue(one).state === "open").length;
  }

  ask(wish: Wish): void {
    const { world } = this.#options;
    const { repository, title, body } = wish;
    const { number } = world.as("ann").openIssue(repository, { title, body });
    world.as("ann").label(repository, number, LABEL);
    this.#asked.push({
      wish,
      number,
      labelledAt: world.nowMs(),
      state: "asked",
      relabelled: false,
      answered: new Set(),
      reviewed: new Map(),
    });
  }

  /** One look at everything. */
  async look(): Promise<void> {
    const { world } = this.#options;
    for (const one of this.#asked) {
      const issue = this.#issue(one);
      await this.#tries(async () => this.#lookAtIssue(one, issue));
      const pulls = world.pulls(one.wish.repository).filter((pull) => isPartOf(pull, one.number));
      for (const pull of pulls)
        if (pull.issue.state === "open")
          await this.#tries(() => this.#lookAtPull(one, issue, pull));
    }
  }

  #issue({ wish, number }: Known): Issue {
    return this.#options.world.issue(wish.repository, number);
  }

  /** What GitHub refuses a person (a conflict) is looked at again the next time. */
  async #tries(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }

  #lookAtIssue(one: Known, issue: Issue): void {
    if (issue.state === "closed") return;
    this.#changesMind(one, issue);
    for (const comment of issue.comments.filter(({ author }) => this.#isBot(author.login)))
      this.#reads(one, issue, comment);
  }

  #isBot(login: string): boolean {
    return login === this.#options.botLogin;
  }

  #changesMind(one: Known, issue: Issue): void {
    const { world } = this.#options;
    const { shape, regretMs, repository } = one.wish;
    const ann = world.as("ann");
    const waited = world.nowMs() - one.labelledAt;
    if (shape === "closed" && waited > regretMs) {
      one.state = "regretted";
      ann.closeIssue(repository, one.number, "not_planned");
    }
    if (shape !== "relabelled" || one.relabelled) return;
    const labelled = issue.labels.some(({ name }) => name === LABEL);
    if (labelled && waited > regretMs) {
      ann.unlabel(repository, one.number, LABEL);
      one.labelledAt = world.nowMs();
    } else if (!labelled && waited > RELABEL_MS) {
      one.relabelled = true;
      one.labelledAt = world.nowMs();
      ann.label(repository, one.number, LABEL);
    }
  }

  #reads(one: Known, issue: Issue, comment: Comment): void {
    const { world, random } = this.#options;
    if (issue.state === "closed" || one.answered.has(comment.id)) return;
    const { repository } = one.wish;
    if (comment.body.includes(" hit a problem:")) {
      one.state = "given-up";
      world.as("ann").closeIssue(repository, one.number, "not_planned");
      return;
    }
    const number = /\*\*Question (?<number>\d+)\*\*/u.exec(comment.body)?.groups?.["number"];
    if (number === undefined) return;
    one.answered.add(comment.id);
    world.as(random.pick(TRUSTED)).comment(repository, one.number, answerTo(number, comment));
  }

  async #lookAtPull(one: Known, issue: Issue, pull: Pull): Promise<void> {
    const { world } = this.#options;
    const { repository, shape } = one.wish;
    const { number } = pull.issue;
    const ann = world.as("ann");
    const wanted = issue.state === "open" && issue.labels.some(({ name }) => name === LABEL);
    if (!wanted) return ann.closePull(repository, number);
    if (pull.draft) return undefined;
    const reviewed = one.reviewed.get(number);
    if (shape === "review" && reviewed === undefined) {
      const files = await pull.issue.repository.git.diffFiles(pull.baseSha, pull.headSha);
      // Base moves on: what others merged is in that difference, too.
      const own = files.find(({ path }) => path.startsWith(`parts/${one.wish.n}-`));
      await ann.review(repository, number, {
        event: "REQUEST_CHANGES",
        body: "Nearly.",
        comments: [{ path: own?.path ?? "", line: 1, body: "Please say that it was reviewed." }],
      });
      one.reviewed.set(number, pull.headSha);
      return undefined;
    }
    // What was asked for in a review is waited for: the head moves, the thread is resolved.
    const waits =
      reviewed === pull.headSha || pull.threads.some(({ resolvedBy }) => resolvedBy === undefined);
    if (!waits) await ann.merge(repository, number);
    return undefined;
  }
}

/** Each is told from all others: an answer has to arrive once. */
const answerTo = (number: string, { id }: Comment): string =>
  `${number}: ${ANSWER}, as asked in ${id}`;

const isPartOf = (pull: Pull, issue: number): boolean =>
  new RegExp(`Part of #${issue}\\b`, "u").test(pull.issue.body ?? "");
