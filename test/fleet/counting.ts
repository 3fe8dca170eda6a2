/** An agent that says numbered lines until it is told to end, and the check that all of them arrived, once. */
import process from "node:process";
import { expect } from "vitest";
import type { Sink } from "../runners/world.ts";

export const counting: readonly string[] = [
  process.execPath,
  "-e",
  `let n = 0;
   setInterval(() => console.log("line " + n++), 1);
   process.stdin.once("data", () => { console.log("in all " + n); process.exit(0); });`,
];

export async function expectCounted(sink: Sink): Promise<void> {
  await sink.exited();
  const total = Number(/in all (?<n>\d+)\n$/u.exec(sink.text)?.groups?.["n"]);
  const lines = Array.from({ length: total }, (_, n) => `line ${n}\n`);
  expect(sink.text).toBe(`${lines.join("")}in all ${total}\n`);
  expect(sink.kinds.filter((kind) => kind !== "input-stored")).toEqual([
    "prepared",
    "spawned",
    "exited",
  ]);
}
