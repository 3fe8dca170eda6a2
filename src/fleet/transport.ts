/** The port to a runner machine: a byte stream to its daemon, however that is reached. Knows nothing of frames. */
import type { Duplex } from "node:stream";

export interface RunnerTransport {
  /** For people: where this leads. */
  readonly description: string;
  /**
   * Opens a new stream to the daemon, starting the daemon when there is none. Rejects with an Error that
   * says what to do; whether trying again helps is unknown at this level, so the caller backs off.
   */
  connect(signal?: AbortSignal): Promise<Duplex>;
  /** Lets go of what is kept between connections. The daemon is not stopped: sessions run on. */
  close(): Promise<void>;
}
