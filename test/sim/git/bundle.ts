/** What a runner exports, from commits in memory: a git bundle's real header before the simulation's own pack. */
import { walk } from "../../../src/emulator/git/ancestry.ts";
import { filesOf, type Objects } from "../../../src/emulator/git/objects.ts";
import { writePack } from "./pack.ts";

/** `git bundle create - HEAD ^base`. Both commits must be among the objects. */
export function makeBundle(
  { objects }: { readonly objects: Objects },
  base: string,
  head: string,
): Uint8Array {
  const header = `# v2 git bundle\n-${base} base\n${head} HEAD\n\n`;
  const shas = walk(objects, { tip: head, except: base }).toReversed();
  const known = new Set([...filesOf(objects, base).values()].map(({ sha }) => sha));
  return Buffer.concat([Buffer.from(header), writePack(objects, shas, known)]);
}
