/**
 * Bare mirrors, one per repository and runner: a cache of objects and nothing else. Checkouts borrow from
 * it and always ask the real upstream for what is current, so a stale mirror costs time, never correctness.
 *
 * Objects are never removed (`preciousObjects`, no gc): checkouts borrow them. One fetch serves everybody
 * who asked before it began; over daemons `flock` keeps fetches apart (ten at once: nine fail).
 *
 * One that is damaged (by hand, by a disk) is set aside and made anew, see mirror-repair.ts.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PrepareError } from "./errors.ts";
import { makeDirectory } from "./files.ts";
import { type Credential, type Git, git } from "./git.ts";
import { looksWhole, removeLeftovers, setAside, shortName } from "./mirror-repair.ts";

export interface MirrorRequest {
  readonly path: string;
  readonly url: string;
  readonly credential: Credential | null;
}

export interface Mirrors {
  /** Brings the mirror up to date. Throws PrepareError. */
  refresh(by: Git, request: MirrorRequest): Promise<void>;
  /** It was filled once, from this URL, and nobody found it damaged. */
  has(request: MirrorRequest): boolean;
  /** Which one is there: another number after each time it was made anew. */
  generation(path: string): number;
  /** Somebody met damage in that generation: the next `refresh` makes it anew, unless that has happened. */
  condemn(path: string, generation: number, why: string): void;
}

export interface MirrorsOptions {
  readonly workRoot: string;
  readonly log: (message: string) => void;
}

export function openMirrors(options: MirrorsOptions): Mirrors {
  const damage = openDamage(options);
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  /** Those who come while a fetch runs share the next one: theirs must begin after they asked. */
  const refresh = (by: Git, request: MirrorRequest): Promise<void> => {
    const key = request.path;
    const current = running.get(key);
    if (current === undefined) {
      const fetching = update(by, request, damage).finally(() => running.delete(key));
      running.set(key, fetching);
      return fetching;
    }
    const shared = waiting.get(key);
    if (shared !== undefined) return shared;
    const next = current
      // Their failure is theirs; this fetch is asked for by others.
      .catch(() => {})
      .then(() => {
        waiting.delete(key);
        return refresh(by, request);
      });
    waiting.set(key, next);
    return next;
  };

  return {
    has: ({ path, url }) =>
      !damage.isCondemned(path) && looksWhole(path) && isComplete(path, url) && isFilled(path),
    generation: (path) => damage.generation(path),
    condemn: (path, generation, why) => damage.condemn(path, generation, why),
    async refresh(by, request) {
      for (let turn = 0; ; turn += 1) {
        try {
          return await abandonable(by.signal, refresh(by, request));
        } catch (error) {
          // The shared fetch belonged to an attempt that was stopped: ask again for ourselves, once.
          if (turn > 0 || by.signal.aborted || !(error instanceof PrepareError)) throw error;
        }
      }
    },
  };
}

async function update(by: Git, request: MirrorRequest, damage: Damage): Promise<void> {
  const { path, url } = request;
  if (isComplete(path, url) && !looksWhole(path))
    damage.condemn(path, damage.generation(path), "parts of it are gone");
  damage.settle(path);
  try {
    await fill(by, request);
  } catch (error) {
    removeLeftovers(path);
    if (!(error instanceof PrepareError) || !error.damage || by.signal.aborted) throw error;
    damage.condemn(path, damage.generation(path), error.message);
    damage.settle(path);
    await fill(by, request);
  }
}

async function fill(by: Git, { path, url, credential }: MirrorRequest): Promise<void> {
  const stage = "fetch";
  if (!isComplete(path, url)) {
    makeDirectory(path);
    const set = (name: string, value: string): Promise<Buffer> =>
      git(by, { args: ["config", "--file", join(path, "config"), name, value], cwd: path, stage });
    await git(by, { args: ["init", "--quiet", "--bare", "--template=", path], cwd: path, stage });
    await set("gc.auto", "0");
    await set("core.repositoryformatversion", "1");
    await set("extensions.preciousObjects", "true");
    await set("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
    // Last, because it says that the rest is there.
    await set("remote.origin.url", url);
  }
  const options = ["--quiet", "--prune", "--no-tags", "--no-recurse-submodules"];
  await git(by, {
    args: ["fetch", ...options, "--no-write-fetch-head", "origin"],
    cwd: path,
    stage,
    remote: { url, credential },
    lock: join(path, "orcha.lock"),
  });
}

interface Damage extends Pick<Mirrors, "generation" | "condemn"> {
  isCondemned(path: string): boolean;
  /** Sets a condemned one aside; its place is free afterwards. */
  settle(path: string): void;
}

/** In memory: one daemon serves a work root, and the next one meets the same damage again. */
function openDamage({ workRoot, log }: MirrorsOptions): Damage {
  const generations = new Map<string, number>();
  const condemned = new Map<string, string>();
  const generation = (path: string): number => generations.get(path) ?? 0;
  return {
    generation,
    condemn(path, seen, why) {
      if (seen === generation(path) && !condemned.has(path)) condemned.set(path, why);
    },
    isCondemned: (path) => condemned.has(path),
    settle(path) {
      const why = condemned.get(path);
      if (why === undefined) return;
      generations.set(path, generation(path) + 1);
      condemned.delete(path);
      if (!existsSync(path)) return;
      const { kept, borrowers } = setAside(workRoot, path);
      const old =
        kept === undefined
          ? "the old one is removed"
          : `the old one stays as ${shortName(kept)} while ${borrowers} checkout(s) borrow from it`;
      log(`the mirror ${shortName(path)} is damaged and made anew; ${old}: ${why}`);
    },
  };
}

/** A stopped attempt does not wait for the fetch of another one. */
function abandonable(signal: AbortSignal, fetching: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(new PrepareError("fetch", "stopped", true));
    signal.addEventListener("abort", abandon);
    fetching.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
    if (signal.aborted) abandon();
  });
}

/** `packed-refs` or a loose ref of upstream: a fetch has ended well. */
const isFilled = (path: string): boolean =>
  existsSync(join(path, "packed-refs")) || existsSync(join(path, "refs", "remotes", "origin"));

function isComplete(path: string, url: string): boolean {
  const config = join(path, "config");
  return existsSync(config) && readFileSync(config, "utf8").includes(`url = ${url}\n`);
}
