/**
 * A `Response` without streams: everything it has is there at once and is handed out by resolved promises, so that a
 * client in this process sees the same order of things every time. Its body can be read as often as one likes.
 */
export function lightResponse(answer: {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}): Response {
  const { url, status, body } = answer;
  const headers = new Headers(answer.headers);
  const bytes = async (): Promise<Uint8Array<ArrayBuffer>> => new TextEncoder().encode(body);
  return {
    url,
    status,
    headers,
    ok: status >= 200 && status < 300,
    statusText: "",
    redirected: false,
    type: "basic",
    body: null,
    bodyUsed: false,
    text: async () => body,
    json: async (): Promise<unknown> => JSON.parse(body),
    bytes,
    arrayBuffer: async () => (await bytes()).buffer,
    blob: async () => new Blob([body]),
    formData: () => Promise.reject(new TypeError("the emulator's answers are no forms")),
    clone: () => lightResponse(answer),
  };
}
