#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be able to read it, and to say so, before a native module loads
// (better-sqlite3 13 crashes Node 20 outright).
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";

const needed = 24;
if (Number(process.versions.node.split(".")[0]) < needed) {
  process.stderr.write(
    `orcha needs Node ${needed} or newer; this is ${process.version} (${process.execPath}). In a checkout, npm scripts bring their own: npm run orcha -- --help\n`,
  );
  process.exit(1);
}
// Half of a start is reading our own code: what it was compiled to is kept beside the packages it came with. Where
// that cannot be written, every start compiles.
nodeModule.enableCompileCache(
  fileURLToPath(new URL("../node_modules/.cache/orcha", import.meta.url)),
);
const source = new URL("../src/main.ts", import.meta.url);
await import(
  existsSync(source) ? source.href : new URL("../dist/src/main.js", import.meta.url).href
);
