/** Sends one webhook the way GitHub does: one POST, at most ten seconds, no redirects followed. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import type { Delivery } from "../model.ts";

const timeoutMs = 10_000;
const answerCharactersMax = 100_000;

export interface PostAnswer {
  /** GitHub's words: "OK", "Invalid HTTP Response: 500", "failed to connect", "timed out". */
  readonly status: string;
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** How webhooks reach an app. Never rejects: whatever goes wrong is an answer too. */
export type Post = (delivery: Delivery, closing: AbortSignal) => Promise<PostAnswer>;

export const postOverHttp: Post = (delivery, closing) =>
  post(delivery.url, delivery.requestHeaders(), delivery.payload, closing);

function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  closing: AbortSignal,
): Promise<PostAnswer> {
  const { promise, resolve } = Promise.withResolvers<PostAnswer>();
  const failed = (status: string, statusCode: number): void =>
    resolve({ status, statusCode, headers: {}, body: "" });
  try {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const timeout = AbortSignal.timeout(timeoutMs);
    const request = send(url, {
      method: "POST",
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
      agent: false,
      signal: AbortSignal.any([timeout, closing]),
    });
    request.on("error", () => {
      if (timeout.aborted) failed("timed out", 504);
      else failed("failed to connect", 502);
    });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        if (text.length < answerCharactersMax) text += chunk;
      });
      response.on("error", () => failed("failed to connect", 502));
      response.on("end", () => {
        const statusCode = response.statusCode ?? 500;
        const status = statusText(statusCode);
        const entries = Object.entries(response.headers);
        const flat = entries.map(([name, value]) => [name, String(value)] as const);
        resolve({ status, statusCode, headers: Object.fromEntries(flat), body: text });
      });
    });
    request.end(body);
  } catch {
    failed("failed to connect", 502); // an address that is no URL
  }
  return promise;
}

/** GitHub's words for an answer. */
export function statusText(statusCode: number): string {
  const ok = statusCode >= 200 && statusCode < 300;
  return ok ? "OK" : `Invalid HTTP Response: ${statusCode}`;
}
