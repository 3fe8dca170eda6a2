/** Which control plane this runner obeys: the highest epoch it has ever seen, on disk. */
import { join } from "node:path";
import * as z from "zod/mini";
import type { Request } from "../../src/protocol/requests.ts";
import { RequestError } from "./errors.ts";
import { readIfThere, writeAtomic } from "./files.ts";

const Plane = z.object({
  installation: z.string(),
  epoch: z.int().check(z.gte(0)),
  generation: z.optional(z.string()),
  /** What the control plane calls this runner. */
  runner: z.optional(z.string()),
});

export interface PlaneRecord {
  readonly epoch: number;
  /** Throws RequestError `fenced` for an older epoch or another installation; keeps a newer one. */
  greet(hello: Extract<Request, { op: "hello" }>): void;
}

/** `inUse` = something of a session is here: then the runner cannot be another one of a new name. */
export function openPlane(workRoot: string, inUse: () => boolean = () => false): PlaneRecord {
  const path = join(workRoot, "plane.json");
  const stored = readIfThere(path);
  let plane = stored === undefined ? undefined : Plane.parse(JSON.parse(stored));
  return {
    get epoch() {
      return plane?.epoch ?? 0;
    },
    greet({ installation, epoch, generation, runner }) {
      if (plane !== undefined && plane.installation !== installation)
        throw new RequestError(
          "fenced",
          `the work root ${workRoot} belongs to the installation ${plane.installation}, not ${installation}: give this runner a work root of its own`,
        );
      if (plane !== undefined && epoch < plane.epoch)
        throw new RequestError(
          "fenced",
          `epoch ${epoch} is over: this runner has been greeted with ${plane.epoch}`,
          { epoch: plane.epoch },
        );
      // Two databases that came from one backup count the same epochs.
      if (plane !== undefined && epoch === plane.epoch && isOther(plane.generation, generation))
        throw new RequestError(
          "fenced",
          `another control plane of this installation has epoch ${epoch}: this runner obeys that one`,
          { epoch },
        );
      if (isOther(plane?.runner, runner) && inUse())
        throw new RequestError(
          "fenced",
          `the work root ${workRoot} is that of the runner ${plane?.runner}: give ${runner} a work root of its own (--work-root), or remove ${plane?.runner} and its sessions first`,
        );
      const name = runner ?? plane?.runner;
      const old = plane !== undefined && epoch === plane.epoch;
      if (old && name === plane?.runner) return;
      const mark = old ? plane?.generation : generation;
      const next = {
        installation,
        epoch,
        ...(mark === undefined ? {} : { generation: mark }),
        ...(name === undefined ? {} : { runner: name }),
      };
      writeAtomic(path, JSON.stringify(next));
      plane = next;
    },
  };
}

const isOther = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one !== other;
