/** The machine the figures are from, and what its disk can do at best. */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";

export function describeMachine(directory: string): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  return `${cpus().length} cores (${model.trim()}), ${memory} GiB, Node ${process.versions.node}, ${diskOf(directory)}, load before ${load}`;
}

/** What is mounted there: `ext4 on /dev/vda`. */
function diskOf(directory: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const found = mounts
    .map((line) => line.split(" "))
    .filter(([, at = "?"]) => at === "/" || directory === at || directory.startsWith(`${at}/`))
    .toSorted(([, a = ""], [, b = ""]) => b.length - a.length)[0];
  const { bavail, bsize } = statfsSync(directory);
  const free = Math.round((bavail * bsize) / 2 ** 30);
  return `${found?.[2] ?? "?"} on ${found?.[0] ?? "?"} (${free} GiB free)`;
}

/** Appends of this many bytes, each on disk before the next, per second. */
export function syncsPerSecond(directory: string, bytes: number, count: number): number {
  const path = join(directory, "syncs");
  const fd = openSync(path, "w");
  try {
    const part = Buffer.alloc(bytes, 1);
    const began = performance.now();
    for (let done = 0; done < count; done++) {
      writeSync(fd, part);
      fdatasyncSync(fd);
    }
    return (1000 * count) / (performance.now() - began);
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}
