/** A way to a runner that tests can cut or block. */
import type { Duplex } from "node:stream";
import type { RunnerTransport } from "../../src/fleet/transport.ts";

/** Passes connections through, cuts them, or refuses to make them. */
export class Road implements RunnerTransport {
  readonly description = "a road that can be cut";
  readonly streams: Duplex[] = [];
  blocked: string | undefined;
  connects = 0;
  readonly #inner: RunnerTransport;

  constructor(inner: RunnerTransport) {
    this.#inner = inner;
  }
  async connect(signal?: AbortSignal): Promise<Duplex> {
    this.connects += 1;
    if (this.blocked !== undefined) throw new Error(this.blocked);
    const stream = await this.#inner.connect(signal);
    this.streams.push(stream);
    return stream;
  }
  cut(): void {
    this.streams.at(-1)?.destroy();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
