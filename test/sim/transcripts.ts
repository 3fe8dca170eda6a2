/** Transcripts in memory, for the simulation: same port, no files. They survive the control plane's death. */
import type { Stream, Transcripts } from "../../src/store/transcripts.ts";

export interface MemoryTranscripts extends Transcripts {
  /** The whole of it as it is on disk. */
  content(session: string, attempt: number, stream: Stream): Buffer;
  clear(): void;
}

export function openMemoryTranscripts(): MemoryTranscripts {
  const files = new Map<string, Buffer>();
  const content = (session: string, attempt: number, stream: Stream): Buffer =>
    files.get(key(session, attempt, stream)) ?? Buffer.alloc(0);
  return {
    content,
    clear: () => files.clear(),
    open(session, attempt) {
      return {
        length: (stream) => content(session, attempt, stream).byteLength,
        append(stream, bytes) {
          files.set(
            key(session, attempt, stream),
            Buffer.concat([content(session, attempt, stream), bytes]),
          );
        },
        cut(stream, length) {
          files.set(
            key(session, attempt, stream),
            content(session, attempt, stream).subarray(0, length),
          );
        },
        sync: () => Promise.resolve(),
        close: () => {},
      };
    },
    read: ({ session, attempt, stream, from, bytesMax }) =>
      content(session, attempt, stream).subarray(from, from + bytesMax),
  };
}

const key = (session: string, attempt: number, stream: Stream): string =>
  `${session}/${attempt}.${stream}`;
