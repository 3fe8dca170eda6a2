/** What commands print, and how they fail. Exit codes: 0 done, 1 failed, 2 wrong use, 3 needs a running server, 4 no such thing, 5 the server cannot go on. */
import { harmless } from "../lib/harmless.ts";
import process from "node:process";

/** A failure that is said in one line. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** For what is not the result: progress, remarks. Keeps standard output clean for scripts. */
export const remark = (line: string): void => void process.stderr.write(`${line}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Columns as wide as they have to be. Texts come from agents and GitHub: control characters never reach the terminal. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows.map((row) => row.map(harmless))];
  const widths = header.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of lines)
    print(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

export const clockTime = (at: number): string =>
  new Date(at).toISOString().slice(0, 16).replace("T", " ");
