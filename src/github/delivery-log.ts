/** GitHub's log of the App's webhook deliveries, read and redelivered with the App's own credential. */
import type { Clock } from "../engine/ports.ts";
import type { DeliveryLog } from "../inbox/sweep.ts";
import type { Auth } from "./auth.ts";
import type { Breaker } from "./breaker.ts";
import { classify, portErrorOf, statusOf } from "./outcome.ts";

const PER_PAGE = 100;

export interface DeliveryLogOptions {
  readonly auth: Auth;
  readonly clock: Clock;
  /** Missing: GitHub is always asked. */
  readonly breaker?: Breaker;
}

export function openDeliveryLog({ auth, clock, breaker }: DeliveryLogOptions): DeliveryLog {
  const { app } = auth;
  const called = async <T>(call: () => Promise<T>): Promise<T> => {
    breaker?.check();
    try {
      const answer = await call();
      breaker?.answered();
      return answer;
    } catch (error) {
      const failure = classify(error, clock.now());
      if (failure !== null) breaker?.failed(failure);
      throw portErrorOf(error, clock.now());
    }
  };
  return {
    page: (cursor) =>
      called(async () => {
        const request = { per_page: PER_PAGE, ...(cursor === null ? {} : { cursor }) };
        // An App without a webhook has no log.
        const answer = await app
          .request("GET /app/hook/deliveries", request)
          .catch((error: unknown) => {
            if (statusOf(error) === 404) return null;
            throw error;
          });
        if (answer === null) return { deliveries: [], next: null };
        const deliveries = answer.data.map(({ id, guid, delivered_at, event }) => ({
          id: Number(id),
          guid,
          deliveredAt: Date.parse(delivered_at),
          event,
        }));
        return { deliveries, next: nextCursor(answer.headers.link) };
      }),
    redeliver: (id) =>
      called(async () => {
        const route = "POST /app/hook/deliveries/{delivery_id}/attempts";
        await app.request(route, { delivery_id: id });
      }),
    payload: (id) =>
      called(async () => {
        const route = "GET /app/hook/deliveries/{delivery_id}";
        const { data } = await app.request(route, { delivery_id: id });
        return JSON.stringify(data.request.payload);
      }),
  };
}

/** `<https://…?cursor=v1_2&per_page=100>; rel="next"` */
function nextCursor(link: string | undefined): string | null {
  const next = /<(?<url>[^>]+)>; rel="next"/u.exec(link ?? "")?.groups?.["url"];
  return next === undefined ? null : new URL(next).searchParams.get("cursor");
}
