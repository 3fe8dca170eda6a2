/**
 * `unshare --net node alone.ts SOCKET PORT -- PROGRAM [ARGUMENT…]`: runs the program in a network namespace that has
 * nothing but its own loopback. What it connects to on PORT there is carried to SOCKET, where the model server listens;
 * a connection to any other place fails at once, because there is no route.
 */
import { spawn, spawnSync } from "node:child_process";
import { connect, createServer } from "node:net";
import process from "node:process";

const [socket = "", port = "", , program = "", ...args] = process.argv.slice(2);

const up = spawnSync("ip", ["link", "set", "lo", "up"], { stdio: "inherit" });
if (up.status !== 0) throw new Error("the loopback of the namespace cannot be set up");

const server = createServer((here) => {
  const there = connect(socket);
  here.pipe(there).pipe(here);
  // Either side may break off: the other hears of it.
  here.on("error", () => there.destroy());
  there.on("error", () => here.destroy());
});
server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(program, args, { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => void child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`${program}: ${error.message}\n`);
    process.exit(127);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
});
