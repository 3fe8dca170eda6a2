/** Files of webhooks on a disk that a control plane's death leaves as it is. */
import type { Segments } from "../../src/store/segments.ts";

export interface MemorySegments extends Segments {
  /** Grows with every write. */
  readonly version: number;
  /** What stands in them. */
  contents(): readonly Uint8Array[];
  /** Another machine: they are not there. */
  clear(): void;
}

export function openMemorySegments(full: () => boolean): MemorySegments {
  const files = new Map<string, Buffer>();
  let version = 0;
  const read = (name: string): Buffer => files.get(name) ?? Buffer.alloc(0);
  return {
    list: async () => [...files.keys()],
    read: async (name) => read(name),
    async create(name) {
      if (full()) throw new Error("no space left on device");
      if (files.has(name)) throw new Error(`${name} is there already`);
      files.set(name, Buffer.alloc(0));
      return {
        async append(parts) {
          if (full()) throw new Error("no space left on device");
          files.set(name, Buffer.concat([read(name), ...parts]));
          version += 1;
        },
        read: async (at, length) => read(name).subarray(at, at + length),
        async close() {},
      };
    },
    remove: async (name) => void files.delete(name),
    get version() {
      return version;
    },
    contents: () => [...files.values()],
    clear: () => files.clear(),
  };
}
