/**
 * Can the runner reach where its repositories are? One request without a credential: any answer below 500 says yes
 * (a private repository says 404 to strangers). Goes through the proxy that git would use.
 */
import { existsSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { type Finding, type Machine, type Named, bad, good } from "./check.ts";

export function upstreamChecks(machine: Machine, url: string | undefined): readonly Named[] {
  if (url === undefined) return [];
  return [{ name: "upstream", required: true, find: () => reach(machine, url) }];
}

async function reach({ env, limitMs }: Machine, text: string): Promise<Finding> {
  if (!URL.canParse(text)) return bad("not a URL", "give an http or https URL of the repository");
  const url = new URL(text);
  if (url.protocol === "file:") return local(url);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return bad(url.protocol, "give an http or https URL of the repository");
  // Whatever stands in it, a user name and password are not for this.
  const shown = `${url.origin}${url.pathname}`;
  const proxy = proxyFor(url, env);
  const via = proxy === undefined ? "" : ` through the proxy ${proxy.host}`;
  const signal = AbortSignal.timeout(limitMs * 0.75);
  try {
    const status = await ask(new URL(shown), proxy, signal);
    if (status < 500 && status !== 407) return good(`${shown} answers (${status})${via}`);
    return bad(`${shown} answers ${status}${via}`, adviceFor(url, "", via));
  } catch (error) {
    const why = signal.aborted ? `no answer in ${(limitMs * 0.75) / 1000} s` : causeOf(error);
    return bad(`${shown}${via}: ${why}`, adviceFor(url, why, via));
  }
}

/** Repositories on the machine itself, for demos and tests. */
function local(url: URL): Finding {
  const path = fileURLToPath(url);
  return existsSync(path)
    ? good(path)
    : bad(`nothing at ${path}`, "look whether the path is right");
}

function adviceFor({ host }: URL, why: string, via: string): string {
  if (/certificate|self.signed|issuer|altname/iu.test(why))
    return `make the runner trust the certificate of ${host} (NODE_EXTRA_CA_CERTS and GIT_SSL_CAINFO), and check its clock`;
  if (/ENOTFOUND|EAI_AGAIN/u.test(why))
    return `make the name ${host} resolve on the runner (DNS, or a proxy in https_proxy)`;
  const proxy = via === "" ? "or set https_proxy for the runner's user" : "or correct the proxy";
  return `let the runner reach ${host} (network, firewall), ${proxy}`;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.message.includes(code) ? error.message : `${code} ${error.message}`;
}

/** As curl, and so git, reads the environment. `no_proxy`: names and their subdomains, or `*`. */
export function proxyFor({ protocol, hostname }: URL, env: Machine["env"]): URL | undefined {
  const value = (name: string): string => env[name] ?? "";
  // curl never reads HTTP_PROXY: a CGI's client could set it.
  const text =
    protocol === "https:" ? value("https_proxy") || value("HTTPS_PROXY") : value("http_proxy");
  if (text === "") return undefined;
  const spared = (value("no_proxy") || value("NO_PROXY")).split(",").map((name) => name.trim());
  const matches = (name: string): boolean => {
    const bare = name.replace(/^\./u, "");
    return name === "*" || (bare !== "" && (hostname === bare || hostname.endsWith(`.${bare}`)));
  };
  if (spared.some(matches)) return undefined;
  const full = text.includes("://") ? text : `http://${text}`;
  return URL.canParse(full) ? new URL(full) : undefined;
}

/** Status of the answer. */
async function ask(url: URL, proxy: URL | undefined, signal: AbortSignal): Promise<number> {
  const headers = { "user-agent": "git/orcha-doctor", connection: "close" };
  const common = { method: "HEAD", signal };
  if (proxy === undefined) {
    const request = url.protocol === "https:" ? https.request : http.request;
    return answered(request(url, { ...common, headers, agent: false }));
  }
  const authorization = proxyAuthorization(proxy);
  const target = { host: proxy.hostname.replaceAll(/[[\]]/gu, ""), port: Number(proxy.port || 80) };
  if (url.protocol === "http:") {
    const path = url.href;
    const all = { ...headers, ...authorization, host: url.host };
    return answered(http.request({ ...common, ...target, path, headers: all, agent: false }));
  }
  const path = `${url.hostname}:${url.port || 443}`;
  const connecting = http.request({
    ...common,
    ...target,
    agent: false,
    method: "CONNECT",
    path,
    headers: { ...authorization, host: path },
  });
  const socket = await tunnel(connecting);
  const servername = url.hostname;
  // No agent: it would make a connection of its own.
  const secured = (): TLSSocket => connectTls({ socket, servername });
  return answered(https.request(url, { ...common, headers, createConnection: secured }));
}

function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function answered(request: http.ClientRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    // Stays: how the connection ends after the head is of no interest.
    request.on("error", reject);
    request.on("response", ({ statusCode = 0 }) => {
      resolve(statusCode);
      request.destroy();
    });
    request.end();
  });
}

function tunnel(request: http.ClientRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", ({ statusCode = 0 }) => {
      reject(new Error(`the proxy answers ${statusCode}`));
      request.destroy();
    });
    request.on("connect", ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode === 200) return resolve(socket);
      reject(new Error(`the proxy answers ${statusCode}`));
      socket.destroy();
    });
    request.end();
  });
}
