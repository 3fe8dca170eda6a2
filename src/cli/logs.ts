/** `orcha logs SESSION`: the transcript in readable lines, from the files; with --follow as it grows. */
import { watch } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { openCatalog, type Catalog } from "../agents/catalog.ts";
import { agentAt, type Session } from "../domain/objective.ts";
import { isTerminal } from "../domain/session.ts";
import { openTranscripts, type TranscriptFiles } from "../store/transcripts.ts";
import { localConfig } from "./client.ts";
import { openReading } from "../store/sqlite.ts";
import { existsSync } from "node:fs";
import { CliError, print, remark } from "./output.ts";
import { showLine, Shown } from "./transcript-view.ts";

export interface LogOptions {
  readonly follow?: boolean;
  readonly raw?: boolean;
  /** Any of these asks for one page of one attempt; lines count from 1. */
  readonly from?: number;
  readonly lines?: number;
  readonly attempt?: number;
}

const PAGE_LINES = 100;
const PAGE_LINES_MAX = 10_000;

/** A net under the file system's notices, which do not come for every kind of mount. */
const LOOK_EVERY_MS = 1_000;

export async function logs(id: string, options: LogOptions): Promise<void> {
  const { dataDir, agents } = localConfig();
  const catalog = openCatalog(agents);
  const transcripts = openTranscripts(join(dataDir, "transcripts"));
  const { from, lines, attempt } = options;
  if (from !== undefined || lines !== undefined || attempt !== undefined) {
    if (options.follow === true)
      throw new CliError("a page ends: --follow does not go with --from, --lines and --attempt", 2);
    showPage({ transcripts, catalog }, await find(join(dataDir, "orcha.db"), id), options);
    return;
  }
  const shown = new Shown({ transcripts, catalog }, { raw: options.raw ?? false, print });
  for (;;) {
    const session = await find(join(dataDir, "orcha.db"), id);
    shown.show(session);
    if (options.follow !== true || isTerminal(session.state)) return;
    await change(join(dataDir, "transcripts"));
  }
}

/** However long the transcript is, only the page is read; a driver begins anew at its first line. */
function showPage(
  { transcripts, catalog }: { readonly transcripts: TranscriptFiles; readonly catalog: Catalog },
  session: Session,
  options: LogOptions,
): void {
  const { from = 1, lines: count = PAGE_LINES, attempt = session.attempt, raw = false } = options;
  const place = { session: session.id, attempt, stream: "out", from: from - 1 } as const;
  const page = transcripts.lines({ ...place, count: Math.min(count, PAGE_LINES_MAX) });
  const driver = catalog.named(agentAt(session, attempt))?.driver;
  let state = driver?.initial();
  for (const line of page.lines) state = showLine(driver, state, line, { raw, print });
  const next = from + page.lines.length;
  if (page.more)
    remark(`there is more: orcha logs ${session.id} --attempt ${attempt} --from ${next}`);
}

export async function find(path: string, id: string): Promise<Session> {
  if (!existsSync(path)) throw new CliError(`there is no data here yet: ${path}`, 3);
  await using reading = openReading(path);
  const loaded = await reading.objectiveOfSession(id);
  const session = loaded?.objective.sessions.find((one) => one.id === id);
  if (session === undefined)
    throw new CliError(`there is no session ${id}; orcha sessions --all lists them`, 4);
  return session;
}

/** Resolves when something was written, or after a while. */
export function change(directory: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = existsSync(directory)
    ? watch(directory, { recursive: true }, () => resolve())
    : null;
  const timer = setTimeout(resolve, LOOK_EVERY_MS);
  process.once("SIGINT", () => process.exit(0));
  return promise.finally(() => {
    clearTimeout(timer);
    watcher?.close();
    process.removeAllListeners("SIGINT");
  });
}
