/**
 * The network between the control plane and GitHub: it refuses, delays, loses answers, and GitHub fails before or
 * after it has done what was asked.
 */
import type { Fetch } from "../../src/github/client.ts";
import type { Life } from "./life.ts";
import type { Sim } from "./sim.ts";

export interface NetworkOptions {
  readonly sim: Sim;
  readonly life: Life;
  /** GitHub itself. */
  readonly serve: Fetch;
  /** GitHub is down. */
  readonly down: () => boolean;
}

export function openNetwork(options: NetworkOptions): Fetch {
  return async (input, init) => {
    const method = init?.method ?? "GET";
    const path = new URL(input instanceof Request ? input.url : input).pathname.replace(
      /^\/api\/v3/u,
      "",
    );
    const point = `${method} ${path.replaceAll(/\/\d+/gu, "/N")}`;
    return options.life.through(point, () => call(options, `${method} ${path}`, input, init));
  };
}

type Input = Parameters<Fetch>[0];
type Init = Parameters<Fetch>[1];

async function call(
  { sim, serve, down }: NetworkOptions,
  what: string,
  input: Input,
  init: Init,
): Promise<Response> {
  const { faults, random, trace } = sim;
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  init?.signal?.addEventListener("abort", () => {
    trace.add(`${what} timed out`);
    reject(init.signal?.reason);
  });
  const run = async (): Promise<void> => {
    await sim.pause(latency(sim));
    if (down() || faults.draw("call refused")) return reject(refused());
    const early = earlyAnswer(sim);
    if (early !== null) {
      trace.add(`${what} ${early.status} before`);
      return resolve(early);
    }
    const answer = await serve(input, init);
    // Reads are most of the traffic, and nothing comes of them by themselves.
    if (!what.startsWith("GET") || answer.status >= 500) trace.add(`${what} ${answer.status}`);
    if (faults.draw("answer lost")) return undefined;
    await sim.pause(random.int(5, 100));
    if (faults.draw("call failed after")) return resolve(failure(502, {}));
    return resolve(answer);
  };
  run().catch(reject);
  return promise;
}

const latency = ({ faults, random }: Sim): number =>
  faults.draw("call slow") ? random.int(1_000, 12_000) : random.int(5, 100);

function earlyAnswer({ faults, random }: Sim): Response | null {
  if (faults.draw("call failed before")) return failure(random.pick([500, 502, 503]), {});
  if (faults.draw("secondary limit"))
    return failure(
      403,
      { "retry-after": String(random.int(10, 120)) },
      "You have exceeded a secondary rate limit",
    );
  if (faults.draw("too many requests")) return failure(429, { "retry-after": "30" });
  if (faults.draw("token expired")) return failure(401, {}, "Bad credentials");
  return null;
}

const refused = (): TypeError =>
  new TypeError("fetch failed", {
    cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  });

/** As little of a Response as Octokit reads, without a stream. */
function failure(
  status: number,
  headers: Readonly<Record<string, string>>,
  message = "Server Error",
): Response {
  const body = JSON.stringify({ message });
  const answer = {
    status,
    ok: false,
    url: "https://github.sim/",
    headers: new Headers({ "content-type": "application/json; charset=utf-8", ...headers }),
    text: () => Promise.resolve(body),
    json: () => Promise.resolve({ message }),
    arrayBuffer: () => Promise.resolve(new TextEncoder().encode(body).buffer),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what Octokit reads of it is there
  return answer as unknown as Response;
}
