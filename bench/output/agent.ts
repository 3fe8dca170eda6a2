/** Prints so many events of about 200 bytes, each with a write of its own, as agents do. Argument: how many. */
import { writeSync } from "node:fs";
import process from "node:process";

const words = "Looking at how requests are limited here, and at what the tests say. ".repeat(2);
const count = Number(process.argv[2] ?? "0");
for (let number = 0; number < count; number++) {
  const bytes = Buffer.from(`${JSON.stringify({ type: "text", text: `${number}: ${words}` })}\n`);
  for (let done = 0; done < bytes.byteLength;) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      // A full pipe of a slow reader.
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
    }
  }
}
