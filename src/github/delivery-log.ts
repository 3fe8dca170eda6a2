/** GitHub's log of the App's webhook deliveries, read and redelivered with the App's own credential. */
import type { Clock } from "../engine/ports.ts";
import type { DeliveryLog } from "../inbox/sweep.ts";
import type { Auth } from "./auth.ts";
import { portErrorOf } from "./outcome.ts";

const PER_PAGE = 100;

export const openDeliveryLog = ({ app }: Auth, clock: Clock): DeliveryLog => ({
  async page(cursor) {
    try {
      const { data, headers } = await app.request("GET /app/hook/deliveries", {
        per_page: PER_PAGE,
        ...(cursor === null ? {} : { cursor }),
      });
      const deliveries = data.map(({ id, guid, delivered_at, status_code, event }) => ({
        id: Number(id),
        guid,
        deliveredAt: Date.parse(delivered_at),
        statusCode: status_code,
        event,
      }));
      return { deliveries, next: nextCursor(headers.link) };
    } catch (error) {
      throw portErrorOf(error, clock.now());
    }
  },
  async redeliver(id) {
    try {
      await app.request("POST /app/hook/deliveries/{delivery_id}/attempts", { delivery_id: id });
    } catch (error) {
      throw portErrorOf(error, clock.now());
    }
  },
});

/** `<https://…?cursor=v1_2&per_page=100>; rel="next"` */
function nextCursor(link: string | undefined): string | null {
  const next = /<(?<url>[^>]+)>; rel="next"/u.exec(link ?? "")?.groups?.["url"];
  return next === undefined ? null : new URL(next).searchParams.get("cursor");
}
