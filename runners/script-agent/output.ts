/** The lines the agent prints: one JSON object each. Synchronous, so that what was said is written when we die. */
import { writeSync } from "node:fs";

export type Line =
  | { readonly type: "ready"; readonly conversation: string }
  | { readonly type: "taken"; readonly uuid: string }
  | { readonly type: "turn-start" }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool"; readonly name: string; readonly input: unknown }
  | {
      readonly type: "tool-result";
      readonly name: string;
      readonly isError: boolean;
      readonly output: string;
    }
  | {
      readonly type: "command";
      readonly command: string;
      readonly code: number | null;
      readonly output: string;
    }
  | {
      readonly type: "turn-end";
      readonly failure?: { readonly reason: string; readonly retry: boolean };
    };

export function print(line: Line): void {
  write(1, Buffer.from(`${JSON.stringify(line)}\n`));
}

export function write(fd: 1 | 2, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      // A full pipe of a slow reader: files, as under a keeper, never say this.
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
    }
  }
}
