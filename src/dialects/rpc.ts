/** JSON-RPC 2.0 in lines, as Codex and ACP agents speak it. Our own ids are texts that say what was asked. */
import { at, numberAt, parseObject, textAt } from "./json.ts";

export type RpcId = string | number;

export type RpcLine =
  | {
      readonly kind: "request";
      readonly id: RpcId;
      readonly method: string;
      readonly params: unknown;
    }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "result"; readonly id: RpcId; readonly result: unknown }
  | { readonly kind: "error"; readonly id: RpcId; readonly error: RpcError };

export interface RpcError {
  readonly code: number | null;
  readonly message: string;
  readonly data: unknown;
}

/** Null = nothing of the protocol. */
export function readRpc(line: string): RpcLine | null {
  const fields = parseObject(line);
  if (fields === undefined) return null;
  const { id, method, params } = fields;
  const known = typeof id === "string" || typeof id === "number" ? id : null;
  if (typeof method === "string")
    return known === null
      ? { kind: "notification", method, params }
      : { kind: "request", id: known, method, params };
  if (known === null) return null;
  const error = at(fields, "error");
  if (error === undefined || error === null)
    return { kind: "result", id: known, result: fields["result"] };
  const message = textAt(error, "message") ?? "no reason was given";
  const code = numberAt(error, "code") ?? null;
  return { kind: "error", id: known, error: { code, message, data: at(error, "data") } };
}

export const request = (id: string, method: string, params: unknown): string =>
  line({ id, method, params });

export const notify = (method: string, params: unknown): string => line({ method, params });

export const answer = (id: RpcId, result: unknown): string => line({ id, result });

/** We offered nothing of the kind. */
export const refuse = (id: RpcId, method: string): string =>
  line({ id, error: { code: METHOD_NOT_FOUND, message: `the client does not offer ${method}` } });

const METHOD_NOT_FOUND = -32_601;

const line = (fields: object): string => JSON.stringify({ jsonrpc: "2.0", ...fields });
