/** `orcha serve` as a child process: when it serves, and where. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** Of what it said before it ended. */
const LINES_KEPT = 200;

/** Resolves with the webhook's address when the server says that it serves; rejects with its last lines when it ends. */
export function saidWebhook(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const said: string[] = [];
  onLines(child, (line) => {
    said.push(line);
    if (said.length > LINES_KEPT) said.shift();
    const url = /"webhook":"(?<url>[^"]+)"/u.exec(line)?.groups?.["url"];
    if (url !== undefined) resolve(url);
  });
  child.once("exit", (code) =>
    reject(new Error(`orcha serve ended with ${code}: ${said.join("\n")}`)),
  );
  return promise;
}

/** Each line of what it says, on either stream. */
export function onLines(child: ChildProcess, tell: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) throw new Error("the server's output is not piped");
    createInterface({ input: stream }).on("line", tell);
  }
}
