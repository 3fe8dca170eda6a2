/** Which part answers a path: the API, GraphQL or the pages. Git's own protocol is not among them. */
import { serveGraphql } from "../graphql/serve.ts";
import { servePage } from "../html/serve.ts";
import { type ApiAnswer, type ApiParts, type ApiRequest, serveApi } from "./api.ts";

/** Paths that are the API's even without `/api/v3` in front, as on api.github.com. */
const bareApi =
  /^\/(?:repos\/|repositories\/|app$|app\/|users?$|users?\/|installation\/|rate_limit$)/u;

/** `request.path` as the client sent it. */
export function dispatch(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  const { path } = request;
  if (path === "/graphql" || path === "/api/graphql") return serveGraphql(parts, request);
  const inner = path.startsWith("/api/v3/") ? path.slice("/api/v3".length) : path;
  if (inner !== path || bareApi.test(path)) return serveApi(parts, { ...request, path: inner });
  return servePage(parts, request);
}
