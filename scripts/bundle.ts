/** `node scripts/bundle.ts OUT`: writes the runner program for the published package. */
import process from "node:process";
import { bundleProgram, writeProgram } from "../src/fleet/program.ts";

const [out] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write("usage: node scripts/bundle.ts OUT\n");
  process.exit(64);
}
writeProgram(await bundleProgram(), out);
