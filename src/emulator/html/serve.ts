/** The pages. */
import type { ApiAnswer, ApiParts, ApiRequest } from "../http/api.ts";

export function servePage(_parts: ApiParts, _request: ApiRequest): Promise<ApiAnswer> {
  return Promise.resolve({ status: 404, headers: {}, body: "no such page\n" });
}
