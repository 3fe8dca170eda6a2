/**
 * A page of 100 lines anywhere in a transcript of ten million, as the CLI and the web read it; beside it `pread` of as
 * many bytes at a known place. The text is on disk and was just written, so both find it in the page cache.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { openTranscripts } from "../src/store/transcripts.ts";
import {
  interleaved,
  median,
  pick,
  quantile,
  ratios,
  short,
  spreadOf,
  type Scale,
} from "./measure.ts";
import { openDirectory } from "./programs.ts";
import type { Figure } from "./table.ts";

const LINES = 10_000_000;
const PAGE = 100;
const P99_MS_MAX = 2;
const of = { session: "bench", attempt: 1, stream: "out" } as const;

export async function pages(scale: Scale): Promise<readonly Figure[]> {
  using directory = openDirectory();
  const transcripts = openTranscripts(directory.path);
  const total = pick(scale, LINES, 100_000);
  const written = write(transcripts, total);
  const reads = pick(scale, 2_000, 50);
  const fd = openSync(join(directory.path, "bench", "1.out"), "r");
  try {
    const { size } = fstatSync(fd);
    const bytes = Math.round((size / total) * PAGE);
    const p99 = (read: () => void) => async () => {
      const times = Array.from({ length: reads }, () => {
        const began = performance.now();
        read();
        return performance.now() - began;
      });
      return quantile(times, 0.99);
    };
    const values = await interleaved(pick(scale, 7, 1), {
      page: p99(() => {
        const from = Math.floor(Math.random() * (total - PAGE));
        const { lines } = transcripts.lines({ ...of, from, count: PAGE });
        if (lines.length !== PAGE || !lines[0]?.startsWith(`{"line":${from},`))
          throw new Error(`page ${from} is not right: ${lines[0]}`);
      }),
      pread: p99(() => {
        readSync(
          fd,
          Buffer.allocUnsafe(bytes),
          0,
          bytes,
          Math.floor(Math.random() * (size - bytes)),
        );
      }),
    });
    const ours = median(values.page);
    return [
      {
        what: `a page of ${PAGE} lines out of ${total.toLocaleString("en")} (${short(size / 2 ** 30)} GiB), 99th of 100`,
        ours: `${short(ours)} ms`,
        against: `pread of as many bytes: ${short(median(values.pread))} ms`,
        ratio: median(ratios(values.page, values.pread)),
        spread: spreadOf(values.page),
        aim: { limit: `≤ ${P99_MS_MAX} ms`, held: ours <= P99_MS_MAX },
      },
      {
        what: "the same transcript, appended with its index of lines",
        ours: `${short(written.lines)} lines/s`,
        against: `${short(written.megabytes)} MB/s`,
        ratio: null,
        spread: "",
        aim: null,
      },
    ];
  } finally {
    closeSync(fd);
  }
}

const AT_ONCE = 1_000;

function write(
  transcripts: ReturnType<typeof openTranscripts>,
  total: number,
): { readonly lines: number; readonly megabytes: number } {
  const transcript = transcripts.open(of.session, of.attempt);
  let ms = 0;
  for (let line = 0; line < total; line += AT_ONCE) {
    const text = Array.from(
      { length: AT_ONCE },
      (_, index) =>
        `{"line":${line + index},"type":"text","text":"${"words of an agent ".repeat((line + index) % 7)}"}\n`,
    ).join("");
    const bytes = Buffer.from(text);
    const began = performance.now();
    transcript.append("out", bytes);
    ms += performance.now() - began;
  }
  const bytes = transcript.length("out");
  transcript.close();
  return { lines: (1000 * total) / ms, megabytes: bytes / 1000 / ms };
}
