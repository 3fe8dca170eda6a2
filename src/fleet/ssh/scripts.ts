/**
 * What runs on the other machine before our program does. The command is one constant without any data in it,
 * because it goes through whatever login shell the user has: one line, and neither a single quote nor `!` nor
 * a backslash inside the quotes, so that sh, bash, fish and csh take it alike. It finds a Node and has it run
 * the script that comes as the first line of stdin; what the script needs to know comes after it.
 */

/** Node says with it: too old, try the next one. */
const EXIT_TOO_OLD = 86;
const NODE_MAJOR_MIN = 20;

const PLACES = [
  "node",
  "/usr/local/bin/node",
  "/usr/bin/node",
  // Of nvm, the highest first.
  '"$@"',
  '"$HOME"/.local/bin/node',
  '"$HOME"/.volta/bin/node',
  '"$HOME"/.local/share/mise/shims/node',
  "/opt/node/bin/node",
];

export const REMOTE_COMMAND = `sh -c '${[
  "IFS= read -r s || exit 0",
  "v=",
  "set --",
  'for n in "$HOME"/.nvm/versions/node/*/bin/node; do set -- "$n" "$@"; done',
  `for n in ${PLACES.join(" ")}; do command -v "$n" >/dev/null 2>&1 || continue`,
  '"$n" -e "$s"',
  "r=$?",
  `[ $r = ${EXIT_TOO_OLD} ] || exit $r`,
  'v="$v $n"; done',
  'echo "orcha no-node$v"',
].join("; ")}'`;

/** One line for stdin. The check of the version comes first, in words that the oldest Node understands. */
function lineOf(script: string): string {
  return `if(parseInt(process.versions.node,10)<${NODE_MAJOR_MIN})process.exit(${EXIT_TOO_OLD});eval(${JSON.stringify(script)})\n`;
}

/** The script, and what it is told: a line of JSON. */
export function introduction(script: string, told: unknown): string {
  return `${lineOf(script)}${JSON.stringify(told)}\n`;
}

/** Reads exactly what it needs: what comes after belongs to whoever is started then. */
const COMMON = `
const fs = require("fs"), path = require("path"), os = require("os");
const take = (length) => {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const read = fs.readSync(0, bytes, done, length - done, null);
    if (read === 0) process.exit(0);
    done += read;
  }
  return bytes;
};
const told = (() => {
  const bytes = [];
  for (;;) {
    const byte = take(1)[0];
    if (byte === 10) return JSON.parse(Buffer.from(bytes).toString());
    bytes.push(byte);
  }
})();
const say = (word, value) => fs.writeSync(1, "orcha " + word + " " + JSON.stringify(value) + "\\n");
// What was installed beside a Node that is not in the PATH is found, too.
const bin = path.dirname(process.execPath), places = (process.env.PATH || "").split(":");
if (!places.includes(bin)) process.env.PATH = [...places, bin].join(":");
const run = (main, args) => {
  process.argv = [process.execPath, main, ...args];
  import(require("url").pathToFileURL(main).href).catch((error) => {
    process.stderr.write(error.message + "\\n");
    process.exit(1);
  });
};
`;

/**
 * Told \`{ hash, files: [{ name, size, sha256 }], workRoot, args }\`. Says \`have\` or \`need\` with the directory of
 * the program, takes the files' bytes one after the other when it needs them, then becomes \`orcha-runner ensure\`.
 */
export const BOOTSTRAP = `${COMMON}
const base = path.join(os.homedir(), ".local", "share", "orcha-runner");
const programs = path.join(base, "program");
const directory = path.join(programs, told.hash);
const there = () => told.files.every(({ name, size }) => {
  const found = fs.statSync(path.join(directory, name), { throwIfNoEntry: false });
  return found !== undefined && found.size === size;
});
const receive = () => {
  const contents = told.files.map(({ size }) => take(size));
  contents.forEach((content, index) => {
    const sum = require("crypto").createHash("sha256").update(content).digest("hex");
    if (sum !== told.files[index].sha256) throw new Error(told.files[index].name + " arrived damaged");
  });
  fs.mkdirSync(programs, { recursive: true, mode: 0o700 });
  const temporary = fs.mkdtempSync(path.join(programs, ".new-"));
  try {
    contents.forEach((content, index) => {
      const fd = fs.openSync(path.join(temporary, told.files[index].name), "wx", 0o755);
      fs.writeFileSync(fd, content);
      fs.fsyncSync(fd);
      fs.closeSync(fd);
    });
    // Only what a crash left incomplete: what is complete is never touched again.
    if (fs.existsSync(directory) && !there()) fs.rmSync(directory, { recursive: true });
    fs.renameSync(temporary, directory);
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true });
    if (!there()) throw error;
  }
};
try {
  const complete = there();
  say(complete ? "have" : "need", directory);
  if (!complete) receive();
  const workRoot = told.workRoot === null ? path.join(base, "work") : told.workRoot;
  run(path.join(directory, "orcha-runner.mjs"), ["ensure", "--work-root", workRoot, ...told.args]);
} catch (error) {
  say("failed", { code: error.code || "", message: error.message, directory: programs });
  process.exit(1);
}
`;

/** Told \`{ main, runtimeDir }\`. Becomes \`orcha-runner connect\`: its first line, then the daemon's bytes. */
export const CONNECT = `${COMMON}
run(told.main, ["connect", "--runtime-dir", told.runtimeDir]);
`;

/**
 * Told `{ argv, bytesMax }`. Says `exec`, on stderr as well (what comes before is not the program's), then whatever
 * the program says, up to that many bytes each way, then `ended` with its exit code, because that of what carries
 * us may mean something else. The program has no input; it and what it started are killed when our own input
 * ends, because then nobody waits any more.
 */
export const EXEC = `${COMMON}
say("exec", null);
fs.writeSync(2, "orcha exec\\n");
const child = require("child_process").spawn(told.argv[0], told.argv.slice(1), {
  stdio: ["ignore", "pipe", "pipe"],
  detached: true,
});
const pass = (from, fd) => {
  let left = told.bytesMax;
  from.on("data", (chunk) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    for (let done = 0; done < part.length;) done += fs.writeSync(fd, part, done);
  });
};
pass(child.stdout, 1);
pass(child.stderr, 2);
child.on("error", (error) => {
  fs.writeSync(2, "cannot start " + told.argv[0] + ": " + error.message + "\\n");
  end(127);
});
const end = (code) => {
  fs.writeSync(1, "\\norcha ended " + code + "\\n");
  process.exit(0);
};
child.on("close", (code, signal) => end(code === null ? 128 + os.constants.signals[signal] : code));
const abandoned = () => {
  try { process.kill(-child.pid, "SIGKILL"); } catch (error) { /* ended already */ }
  process.exit(1);
};
process.stdin.on("end", abandoned).on("error", abandoned).resume();
`;
