/** `node --import plant.ts`: plants the bug that `ORCHA_SIM_BUG` names into its source as it is loaded. Tests only. */
import { registerHooks } from "node:module";
import process from "node:process";
import { BUGS } from "./list.ts";

const name = process.env["ORCHA_SIM_BUG"];
const bug = BUGS.find((one) => one.name === name);
if (bug === undefined) throw new TypeError(`no bug is called ${JSON.stringify(name)}`);
const target = new URL(`../../../${bug.file}`, import.meta.url).href;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (url !== target || loaded.source == null) return loaded;
    const { source: given } = loaded;
    const source = typeof given === "string" ? given : new TextDecoder().decode(given);
    const parts = source.split(bug.find);
    if (parts.length !== 2)
      throw new TypeError(
        `${bug.file} does not hold the text of "${bug.name}" exactly once: mend the list of bugs`,
      );
    return { ...loaded, source: parts.join(bug.replace) };
  },
});
