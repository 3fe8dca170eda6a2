/**
 * Checks what the emulator says against GitHub's own description (`test/fixtures/github/openapi.json`, made by
 * `scripts/trim-openapi.ts`): requests, answers, webhooks. Not a test itself; any test that runs an emulator can pass
 * `onExchange` of `collectViolations()` and expect no violations.
 */
import { readFileSync } from "node:fs";

import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import formats from "ajv-formats";

import type { Exchange } from "../../src/emulator/exchange.ts";
import { nullable } from "./nullable.ts";

export interface Validator {
  /** What is wrong with this exchange; empty when nothing is. */
  check(exchange: Exchange): string[];
}

/** Where GitHub's description is known to be wrong about GitHub, and why the emulator follows GitHub. */
const quirks: readonly { readonly where: RegExp; readonly error: RegExp; readonly why: string }[] =
  [
    {
      where: /^webhook /u,
      error: /\/(?:app|performed_via_github_app)\/events\/\d+ must be equal to one of the allowed/u,
      why: "the list of events an App may have misses newer ones",
    },
    {
      where: /\/pulls\/.*comments/u,
      error: /\/(?:line|position) must be integer/u,
      why: "GitHub answers null for the line of a comment that is outdated",
    },
    {
      where: /^GET \/app\/installations 200/u,
      error: /^\/\d+\/account must/u,
      why: "the account is described as a user and an enterprise at once (allOf) in this list only",
    },
  ];

/** What the emulator offers although GitHub's description does not list it. */
const undescribed = new Set(["GET /repositories/{repository_id}"]);

const file = new URL("../fixtures/github/openapi.json", import.meta.url);

export function openValidator(): Validator {
  const spec: Json = JSON.parse(readFileSync(file, "utf8"));
  // Each schema is used a few times only: making the checks fast would take three times as long as using them slow.
  const code = { optimize: false };
  const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false, code });
  formats.default(ajv);
  ajv.addFormat("email", true);
  ajv.addFormat("repo.nwo", true);
  ajv.addFormat("timestamp", true);
  const root = nullable(spec);
  ajv.addSchema({ $id: "github", ...root });
  const compiled = new Map<string, ValidateFunction>();
  const validate = (pointer: string, value: unknown): string[] => {
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `github#${pointer}` });
    compiled.set(pointer, known);
    return known(value) ? [] : (known.errors ?? []).map(describe);
  };
  return {
    check(exchange) {
      const [where, errors] = checkOne(root, exchange, validate);
      return errors
        .filter(
          (error) => !quirks.some((quirk) => quirk.where.test(where) && quirk.error.test(error)),
        )
        .slice(0, 5)
        .map((error) => `${where}: ${error}`);
    },
  };
}

/** Gathers the violations of one emulator: `startEmulator({ onExchange })`, at the end `expect(violations).toEqual([])`. */
export function collectViolations(): {
  readonly onExchange: (exchange: Exchange) => void;
  readonly violations: string[];
  /** Routes and webhooks seen so far. */
  readonly seen: Set<string>;
} {
  const validator = shared();
  const violations: string[] = [];
  const seen = new Set<string>();
  return {
    violations,
    seen,
    onExchange: (exchange) => {
      seen.add(nameOf(exchange));
      if (violations.length < 100) violations.push(...validator.check(exchange));
    },
  };
}

type Json = Record<string, unknown>;

let opened: Validator | undefined;

/** Reading the description takes a moment: once per process. */
function shared(): Validator {
  opened ??= openValidator();
  return opened;
}

type Validate = (pointer: string, value: unknown) => string[];

function checkOne(
  spec: Json,
  exchange: Exchange,
  validate: Validate,
): [where: string, errors: string[]] {
  const where = nameOf(exchange);
  switch (exchange.kind) {
    case "graphql":
      return [where, []];
    case "webhook": {
      const pointer = `/x-webhooks/${where.slice("webhook ".length).replaceAll(/[ _]/gu, "-")}/post`;
      return [where, body(spec, `${pointer}/requestBody`, exchange.payload, validate)];
    }
    case "rest":
      return [where, checkRest(spec, exchange, validate)];
  }
}

function checkRest(
  spec: Json,
  exchange: Exchange & { kind: "rest" },
  validate: Validate,
): string[] {
  const { method, route, status } = exchange;
  if (route === undefined) return status === 404 ? [] : [`${exchange.path} has no route`];
  if (undescribed.has(`${method} ${route}`) || exchange.faulted) return [];
  const path = route.replaceAll("/", "~1");
  const pointer = `/paths/${path}/${method.toLowerCase()}`;
  if (lookUp(spec, pointer) === undefined) return ["GitHub describes no such operation"];
  if (status >= 400) return checkError(exchange.responseBody);
  const request = lookUp(spec, `${pointer}/requestBody`);
  const given = exchange.requestBody;
  const requestErrors =
    request === undefined || given === undefined
      ? []
      : body(spec, `${pointer}/requestBody`, given, validate).map((error) => `request ${error}`);
  const answer = `${pointer}/responses/${status}`;
  if (lookUp(spec, answer) === undefined)
    return [...requestErrors, `GitHub never answers ${status}`];
  return [...requestErrors, ...body(spec, answer, exchange.responseBody, validate)];
}

/** Every failure has a message and, when it has errors, their names. */
function checkError(value: unknown): string[] {
  const shape = isJson(value) ? value : {};
  return typeof shape["message"] === "string" && typeof shape["documentation_url"] === "string"
    ? []
    : [`a failure without message: ${JSON.stringify(value).slice(0, 200)}`];
}

/** The JSON body behind a response or request body, references followed. */
function body(spec: Json, pointer: string, value: unknown, validate: Validate): string[] {
  const holder = lookUp(spec, pointer);
  if (holder === undefined) return ["GitHub describes no such thing"];
  const reference = holder["$ref"];
  const place = typeof reference === "string" ? reference.slice(1) : pointer;
  const media = `${place}/content/application~1json/schema`;
  if (lookUp(spec, media) === undefined) {
    return value === undefined ? [] : ["GitHub answers with an empty body here"];
  }
  return validate(encodePointer(media), value);
}

function lookUp(spec: Json, pointer: string): Json | undefined {
  let current: unknown = spec;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    current = isJson(current) ? current[key] : undefined;
  }
  return isJson(current) ? current : undefined;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function encodePointer(pointer: string): string {
  return pointer.replaceAll("{", "%7B").replaceAll("}", "%7D");
}

function describe(error: ErrorObject): string {
  const extra =
    error.keyword === "required" ? "" : ` ${JSON.stringify(error.params).slice(0, 120)}`;
  return `${error.instancePath} ${error.message}${extra}`;
}

function nameOf(exchange: Exchange): string {
  switch (exchange.kind) {
    case "graphql":
      return "graphql";
    case "webhook":
      return `webhook ${exchange.event}${exchange.action === undefined ? "" : ` ${exchange.action}`}`;
    case "rest":
      return `${exchange.method} ${exchange.route} ${exchange.status}`;
  }
}
