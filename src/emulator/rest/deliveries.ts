/** The log of an App's webhook deliveries: list, read with payload, send again. */
import { type Answer, type Context, numberParam, ok, type Route, route } from "../http/request.ts";
import { perPage } from "../http/paging.ts";
import type { Delivery } from "../model.ts";
import { Problem } from "../problem.ts";
import { self } from "./app.ts";
import { iso } from "../shape/time.ts";

export const deliveryRoutes: readonly Route[] = [
  route("GET", "/app/hook/deliveries", list),
  route("GET", "/app/hook/deliveries/{delivery_id}", (context) => {
    const delivery = context.sender.get(self(context), numberParam(context, "delivery_id"));
    return ok({
      ...deliveryShape(delivery),
      url: delivery.url,
      request: {
        headers: delivery.requestHeaders(),
        payload: JSON.parse(delivery.payload) as unknown,
      },
      response: { headers: delivery.responseHeaders, payload: delivery.responseBody },
    });
  }),
  route("POST", "/app/hook/deliveries/{delivery_id}/attempts", (context) => {
    context.sender.redeliver(self(context), numberParam(context, "delivery_id"));
    return { status: 202, body: {} };
  }),
];

/** Pages go by cursor here: `cursor` is the id of the first delivery of the page. */
function list(context: Context): Answer {
  const size = perPage(context);
  const cursor = context.query.get("cursor");
  const status = context.query.get("status");
  if (cursor !== null && !/^v1_\d{1,15}$/u.test(cursor)) {
    throw new Problem(422, "Invalid request.\n\ncursor is not valid.");
  }
  const from = cursor === null ? Infinity : Number(cursor.slice(3));
  const all = context.sender
    .list(self(context))
    .filter((delivery) => matches(delivery, status))
    .filter((delivery) => delivery.id <= from);
  const next = all[size];
  const headers: Record<string, string> = {};
  if (next !== undefined) {
    const query = new URLSearchParams(context.query);
    query.set("cursor", `v1_${next.id}`);
    headers["link"] = `<${context.hub.url}${context.path}?${query.toString()}>; rel="next"`;
  }
  return { ...ok(all.slice(0, size).map(deliveryShape)), headers };
}

/** GitHub's filter knows answers of 2xx, and of 400 to 599 as failures. */
function matches(delivery: Delivery, status: string | null): boolean {
  if (status === "success") return delivery.statusCode >= 200 && delivery.statusCode < 300;
  if (status === "failure") return delivery.statusCode >= 400 && delivery.statusCode < 600;
  return true;
}

function deliveryShape(delivery: Delivery): Record<string, unknown> {
  return {
    id: delivery.id,
    guid: delivery.guid,
    delivered_at: iso(delivery.deliveredAtMs),
    redelivery: delivery.redelivery,
    duration: Math.round(delivery.durationMs) / 1000,
    status: delivery.status,
    status_code: delivery.statusCode,
    event: delivery.event,
    action: delivery.action ?? null,
    installation_id: delivery.installationId ?? null,
    repository_id: delivery.repositoryId ?? null,
    throttled_at: null,
  };
}
