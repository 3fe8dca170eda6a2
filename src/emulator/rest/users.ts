/** Accounts, the asker's own one, and the rate limit. */
import { accountOf } from "../hub.ts";
import { ok, param, type Route, route } from "../http/request.ts";
import { notAccessible, notFound, Problem } from "../problem.ts";
import { fullUserShape } from "../shape/account.ts";

export const userRoutes: readonly Route[] = [
  route("GET", "/user", ({ hub, actor }) => {
    if (actor.kind === "anonymous") throw new Problem(401, "Requires authentication");
    if (actor.kind !== "user") throw notAccessible("");
    return ok(fullUserShape(hub, actor.account));
  }),
  route("GET", "/users/{username}", (context) => {
    const account = accountOf(context.hub, param(context, "username"));
    if (account === undefined) throw notFound();
    return ok(fullUserShape(context.hub, account));
  }),
  route("GET", "/rate_limit", ({ meter, actor }) => {
    const core = meter.standing(actor);
    const unused = { limit: core.limit, used: 0, remaining: core.limit, reset: core.reset };
    const search = { ...unused, limit: 30, remaining: 30 };
    return ok({ resources: { core, search, graphql: unused }, rate: core });
  }),
];
