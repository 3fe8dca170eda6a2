/** `orcha demo`: the whole story on this machine, with a timeline. */
import process from "node:process";
import { openHub } from "../demo/hub.ts";
import { PROJECT_FILES } from "../demo/project.ts";
import { playStory } from "../demo/story.ts";
import { harmless } from "../lib/harmless.ts";
import { CliError, print } from "./output.ts";

export interface DemoOptions {
  readonly serve?: boolean;
  readonly ssh?: boolean;
  readonly port: number;
}

export async function demo({ serve = false, ssh = false, port }: DemoOptions): Promise<void> {
  const started = Date.now();
  const say = (line: string): void =>
    print(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${harmless(line)}`);
  await using hub = await openHub({
    owner: "acme",
    name: "shop-api",
    content: { files: PROJECT_FILES },
    person: "maria",
    port,
    ssh,
    say,
  }).catch((error: unknown) => {
    throw error instanceof Error && ssh ? new CliError(error.message) : error;
  });
  const { emulator, repository } = hub;
  say(`the emulated GitHub is at ${emulator.url}, the repository at ${emulator.url}/${repository}`);
  const { issue, pullRequests } = await playStory({
    emulator,
    repository,
    person: "maria",
    say,
  }).catch((error: unknown) => {
    throw new CliError(
      `the demo stopped: ${error instanceof Error ? error.message : "unknown failure"}; log: ${hub.logFile}`,
    );
  });
  const [objective] = await hub.orcha.store.objectives();
  print("");
  print(
    `Issue #${issue} is closed: ${pullRequests} pull requests merged, ${objective?.objective.questions.length ?? 0} question answered, 1 review addressed,`,
  );
  print(
    `${objective?.objective.sessions.length ?? 0} sessions in ${((Date.now() - started) / 1000).toFixed(0)} s. Nothing left this machine.`,
  );
  if (!serve) return;
  print("");
  print(
    `Everything stays up. Open ${emulator.url}/${repository}/issues as maria: write an issue, label it "objective". Ctrl-C ends it.`,
  );
  await new Promise<void>((resolve) => process.once("SIGINT", () => resolve()));
}
