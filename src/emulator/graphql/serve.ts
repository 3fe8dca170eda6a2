/** GraphQL over HTTP. */
import type { ApiAnswer, ApiParts, ApiRequest } from "../http/api.ts";

export function serveGraphql(_parts: ApiParts, _request: ApiRequest): Promise<ApiAnswer> {
  return Promise.resolve({ status: 501, headers: {}, body: "{}" });
}
