/**
 * GraphQL over HTTP, executed by graphql-js against a part of GitHub's own schema (`schema.ts`). Unknown fields
 * are refused as GitHub refuses them; failures of the rules come in `errors` with GitHub's `type` beside the message.
 */
import {
  buildSchema,
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  OverlappingFieldsCanBeMergedRule,
  parse,
  specifiedRules,
  validate,
} from "graphql";

import { authenticate } from "../auth.ts";
import {
  type ApiAnswer,
  type ApiParts,
  type ApiRequest,
  commonHeaders,
  failure,
  parseBody,
} from "../http/api.ts";
import { isBody, text } from "../http/request.ts";
import type { Actor } from "../model.ts";
import { Problem } from "../problem.ts";
import { mutations } from "./mutations.ts";
import { queries } from "./queries.ts";
import { schemaText } from "./schema.ts";

const tokensMax = 20_000;
/** GitHub's own `gh` sends queries that break this rule. */
const rules = specifiedRules.filter((rule) => rule !== OverlappingFieldsCanBeMergedRule);

let schema: GraphQLSchema | undefined;

export async function serveGraphql(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  let actor: Actor = { kind: "anonymous" };
  try {
    actor = authenticate(parts.hub, request.headers.authorization);
    if (actor.kind === "anonymous" || actor.kind === "app") {
      throw new Problem(401, "This endpoint requires you to be authenticated.");
    }
    if (request.method !== "POST") throw new Problem(404, "Not Found");
    const ticket = parts.meter.enter(actor, {
      method: "POST",
      kind: "graphql",
      content: false,
      counted: true,
    });
    try {
      return answer(parts, actor, 200, await run(parts, actor, request));
    } finally {
      ticket.end();
    }
  } catch (error) {
    const failed = failure(error);
    const made = answer(parts, actor, failed.status, failed.body);
    return { ...made, headers: { ...made.headers, ...failed.headers } };
  }
}

async function run(parts: ApiParts, actor: Actor, request: ApiRequest): Promise<unknown> {
  const body = parseBody(request.body);
  const query = text(body, "query");
  if (query === undefined)
    throw new Problem(400, "A query attribute must be specified and must be a string.");
  const variables = isBody(body["variables"]) ? body["variables"] : {};
  const result = await perform(parts, actor, query, variables, text(body, "operationName"));
  parts.observe?.({ kind: "graphql", query, variables, status: 200, responseBody: result });
  return result;
}

async function perform(
  parts: ApiParts,
  actor: Actor,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  operationName: string | undefined,
): Promise<unknown> {
  schema ??= buildSchema(schemaText);
  const document = documentOf(schema, query);
  if (Array.isArray(document)) return { errors: document };
  const { data, errors } = await execute({
    schema,
    document,
    rootValue: { ...queries(parts.hub, parts.meter, actor), ...mutations(parts.hub, actor) },
    variableValues: variables,
    ...(operationName === undefined ? {} : { operationName }),
  });
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors === undefined ? {} : { errors: errors.map(typed) }),
  };
}

/** The same few queries come again and again. */
const documents = new Map<string, DocumentNode>();
const documentsMax = 50;

/** The query, checked against the schema, or what is wrong with it. */
function documentOf(against: GraphQLSchema, query: string): DocumentNode | GraphQLFormattedError[] {
  const known = documents.get(query);
  if (known !== undefined) return known;
  let document;
  try {
    document = parse(query, { maxTokens: tokensMax });
  } catch (error) {
    return [error instanceof GraphQLError ? error.toJSON() : { message: String(error) }];
  }
  const wrong = validate(against, document, rules);
  if (wrong.length > 0) return wrong.map((error) => error.toJSON());
  if (documents.size >= documentsMax) documents.clear();
  documents.set(query, document);
  return document;
}

/** GitHub puts a `type` beside the message, which clients look at. */
function typed(error: GraphQLError): GraphQLFormattedError & { readonly type?: string } {
  const { originalError } = error;
  if (!(originalError instanceof Problem)) return error.toJSON();
  return { type: typeOf(originalError.status), ...error.toJSON() };
}

function typeOf(status: number): string {
  if (status === 404 || status === 410) return "NOT_FOUND";
  if (status === 403 || status === 401) return "FORBIDDEN";
  return "UNPROCESSABLE";
}

function answer(parts: ApiParts, actor: Actor, status: number, body: unknown): ApiAnswer {
  const headers = commonHeaders(parts.hub, parts.meter, actor);
  headers["x-ratelimit-resource"] = "graphql";
  return { status, headers, body: JSON.stringify(body) };
}
