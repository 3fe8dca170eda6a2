/** Tool calls and the journal below them: what is undecided, what is refused, what a crash leaves. */
import { appendFileSync, mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openToolCalls, PENDING_CALLS_MAX } from "../../runners/program/calls.ts";
import { completeInput, storeInput } from "../../runners/program/input.ts";
import { JournalFile } from "../../runners/program/journal-file.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open(directory: string) {
  const journal = new JournalFile(join(directory, "journal.ndjson"));
  const calls = openToolCalls({
    directory,
    journal,
    finished: false,
    append: (entry) => journal.append(entry, 0),
  });
  return { journal, calls };
}

const directory = () => mkdtempDisposableSync(join(tmpdir(), "orcha-c-"));

test("while the control plane is away for 45 s a call is undecided; its later answer still counts", async () => {
  using dir = directory();
  const { journal, calls } = open(dir.path);
  calls.setAttached(true);
  const call = calls.call("r-1", "ask_human", {});
  await vi.advanceTimersByTimeAsync(600_000);
  calls.setAttached(false);
  await vi.advanceTimersByTimeAsync(44_000);
  calls.setAttached(true);
  await vi.advanceTimersByTimeAsync(60_000);
  calls.setAttached(false);
  await vi.advanceTimersByTimeAsync(45_000);
  expect(await call).toMatchObject({
    isError: true,
    content: expect.stringMatching(/^not decided yet/u),
  });
  expect(calls.answer("r-1", "result", { isError: false, content: "late" })).toBe("result");
  expect(await calls.call("r-1", "ask_human", {})).toEqual({ isError: false, content: "late" });
  expect(journal.seq).toBe(2);
});

test("a call nobody attached for is undecided too", async () => {
  using dir = directory();
  const { calls } = open(dir.path);
  const call = calls.call("r-1", "x", {});
  await vi.advanceTimersByTimeAsync(45_000);
  expect(await call).toMatchObject({ isError: true });
});

test("more than 64 calls at once are refused", async () => {
  using dir = directory();
  const { journal, calls } = open(dir.path);
  for (let n = 0; n < PENDING_CALLS_MAX; n += 1) void calls.call(`r-${n}`, "x", {});
  expect(await calls.call("r-65", "x", {})).toMatchObject({
    isError: true,
    content: expect.stringContaining("64 calls"),
  });
  expect(journal.seq).toBe(PENDING_CALLS_MAX);
  // A repetition of one that waits is not one more.
  void calls.call("r-1", "x", {});
  expect(journal.seq).toBe(PENDING_CALLS_MAX);
});

test("a torn last line of the journal is cut off, and counting goes on", () => {
  using dir = directory();
  const path = join(dir.path, "journal.ndjson");
  new JournalFile(path).append({ kind: "spawned", pid: 1, bootId: "b" }, 0);
  const whole = readFileSync(path);
  appendFileSync(path, '{"seq":2,"outAt":0,"at":1,"ent');
  const journal = new JournalFile(path);
  expect(journal.seq).toBe(1);
  expect(readFileSync(path)).toEqual(whole);
  journal.append({ kind: "tool-called", call: "c", tool: "t", arguments: { text: "ü" } }, 7);
  expect(JSON.parse(journal.read(2).toString())).toMatchObject({
    seq: 2,
    outAt: 7,
    entry: { arguments: { text: "ü" } },
  });
  expect([...new JournalFile(path).calls]).toEqual([["c", "open"]]);
});

test("input that was journaled but not, or half, appended is completed; whatever was done is not repeated", () => {
  for (const written of [0, 1, 4, 9]) {
    using dir = directory();
    const path = join(dir.path, "journal.ndjson");
    const target = { directory: dir.path, journal: new JournalFile(path), outAt: () => 0 };
    storeInput(target, { id: "a", line: "first" });
    // What the second line's storing has done when the daemon is killed after `written` bytes of it.
    storeInput(target, { id: "b", line: "zwölf 12" });
    const whole = readFileSync(join(dir.path, "in"));
    const cut = whole.subarray(0, 6 + written);
    using other = directory();
    for (const name of ["journal.ndjson", "input.pending"])
      appendFileSync(join(other.path, name), readFileSync(join(dir.path, name)));
    appendFileSync(join(other.path, "in"), cut);
    const again = {
      directory: other.path,
      journal: new JournalFile(join(other.path, "journal.ndjson")),
      outAt: () => 0,
    };
    completeInput(again);
    completeInput(again);
    storeInput(again, { id: "b", line: "zwölf 12" });
    expect(readFileSync(join(other.path, "in"))).toEqual(whole);
  }
});
