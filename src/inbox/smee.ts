/**
 * Webhooks through a smee.io channel, for machines without a public address. For trying things out only:
 * the relay sees every payload, loses what arrives while nobody listens, and re-serialises JSON, so that a
 * body whose bytes JSON.stringify would not produce fails its signature.
 */
import { SmeeClient } from "smee-client";

export interface SmeeOptions {
  /** The channel, e.g. `https://smee.io/abc`. */
  readonly source: string;
  /** Our own webhook address. */
  readonly target: string;
  readonly log: {
    readonly info: (message: string) => void;
    readonly error: (message: string) => void;
  };
  readonly production: boolean;
}

export interface Smee extends AsyncDisposable {
  close(): Promise<void>;
}

/** Connects and forwards until closed. Refuses in production. */
export async function openSmee(options: SmeeOptions): Promise<Smee> {
  if (options.production)
    throw new TypeError(
      "WEBHOOK_PROXY_URL is for development: the relay reads and loses webhooks; give the server a public address or unset NODE_ENV=production",
    );
  if (!/^https?:\/\//u.test(options.source) || !URL.canParse(options.source))
    throw new TypeError(`WEBHOOK_PROXY_URL is not an http(s) address: ${options.source}`);
  const { log } = options;
  const client = new SmeeClient({
    source: options.source,
    target: options.target,
    logger: {
      info: (...parts: unknown[]) => log.info(parts.map(String).join(" ")),
      error: (...parts: unknown[]) => log.error(parts.map(String).join(" ")),
    },
  });
  await client.start();
  const close = (): Promise<void> => client.stop();
  return { close, [Symbol.asyncDispose]: close };
}
