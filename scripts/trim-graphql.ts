/**
 * Makes `src/emulator/graphql/schema.ts` from GitHub's GraphQL schema: the types and fields that the emulator
 * resolves and what they need, nothing else. A query for anything else is refused as an unknown field.
 *
 * Usage: node scripts/trim-graphql.ts [folder with node_modules/@octokit/graphql-schema]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  buildASTSchema,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  parse,
  print,
  type TypeNode,
  validateSchema,
  visit,
} from "graphql";

const packageVersion = "15.26.1";
const target = new URL("../src/emulator/graphql/schema.ts", import.meta.url);

const header = `/**
 * A part of GitHub's GraphQL schema, from @octokit/graphql-schema ${packageVersion}, MIT licence, copyright Gregor
 * Martynus and GitHub, Inc. Made by scripts/trim-graphql.ts; do not edit. A module, so that the build carries it along.
 */
`;

/** Output types and the fields we resolve. Everything they take as input comes along whole. */
const kept: Readonly<Record<string, string>> = {
  Query: "node nodes rateLimit repository viewer",
  Mutation:
    "addPullRequestReviewThreadReply addReaction convertPullRequestToDraft markPullRequestReadyForReview" +
    " minimizeComment resolveReviewThread unminimizeComment unresolveReviewThread",
  Node: "id",
  Actor: "login url",
  RepositoryOwner: "id login url",
  Minimizable: "isMinimized minimizedReason",
  Reactable: "id databaseId",
  User: "id databaseId login url",
  Bot: "id databaseId login url",
  Organization: "id databaseId login url",
  RateLimit: "cost limit nodeCount remaining resetAt used",
  PageInfo: "endCursor hasNextPage hasPreviousPage startCursor",
  Repository: "id databaseId isPrivate issue name nameWithOwner owner pullRequest url",
  Issue: "author body comments databaseId editor id lastEditedAt number state title url",
  IssueComment: "author body createdAt databaseId id isMinimized minimizedReason url",
  IssueCommentConnection: "nodes pageInfo totalCount",
  PullRequest:
    "author baseRefName body comments databaseId headRefName headRefOid id isDraft mergeable merged number" +
    " reviewThreads reviews state title url",
  PullRequestReview: "author body databaseId id state submittedAt",
  PullRequestReviewConnection: "nodes pageInfo totalCount",
  PullRequestReviewThread:
    "comments diffSide id isCollapsed isOutdated isResolved line originalLine path pullRequest resolvedBy" +
    " startLine subjectType viewerCanReply viewerCanResolve viewerCanUnresolve",
  PullRequestReviewThreadConnection: "nodes pageInfo totalCount",
  PullRequestReviewComment:
    "author body createdAt databaseId diffHunk fullDatabaseId id isMinimized line minimizedReason outdated path" +
    " pullRequestReview replyTo url",
  PullRequestReviewCommentConnection: "nodes pageInfo totalCount",
  Reaction: "content databaseId id user",
  AddPullRequestReviewThreadReplyPayload: "clientMutationId comment",
  AddReactionPayload: "clientMutationId reaction subject",
  ConvertPullRequestToDraftPayload: "clientMutationId pullRequest",
  MarkPullRequestReadyForReviewPayload: "clientMutationId pullRequest",
  MinimizeCommentPayload: "clientMutationId minimizedComment",
  ResolveReviewThreadPayload: "clientMutationId thread",
  UnminimizeCommentPayload: "clientMutationId unminimizedComment",
  UnresolveReviewThreadPayload: "clientMutationId thread",
};

main();

function main(): void {
  const given = process.argv[2];
  const folder = given ?? mkdtempSync(join(tmpdir(), "trim-graphql-"));
  if (given === undefined) {
    const spec = `@octokit/graphql-schema@${packageVersion}`;
    execFileSync("npm", ["install", "--ignore-scripts", "--prefix", folder, spec]);
  }
  const source = join(folder, "node_modules/@octokit/graphql-schema/schema.graphql");
  const trimmed = trim(parse(readFileSync(source, "utf8"), { noLocation: true }));
  const problems = validateSchema(buildASTSchema(trimmed, { assumeValidSDL: true }));
  if (problems.length > 0) throw new AggregateError(problems, problems.join("\n"));
  const text = print(trimmed).replaceAll("\n\n", "\n");
  if (/[`\\$]/u.test(text)) throw new Error("the schema does not fit a template literal");
  writeFileSync(target, `${header}export const schemaText = \`\n${text}\n\`;\n`);
  execFileSync("npx", ["oxfmt", target.pathname]);
  if (given === undefined) rmSync(folder, { recursive: true });
}

function trim(full: DocumentNode): DocumentNode {
  const named = new Map(
    full.definitions.flatMap((node) =>
      "name" in node && node.name !== undefined ? [[node.name.value, node] as const] : [],
    ),
  );
  const definitions: DefinitionNode[] = [];
  const inputs = new Set<string>();
  for (const [name, fields] of Object.entries(kept)) {
    const node = keepFields(named.get(name), name, new Set(fields.split(" ")));
    definitions.push(node);
    for (const used of namesIn(node)) inputs.add(used);
  }
  // A set grows while it is walked: inputs may need further inputs, each taken up once.
  for (const name of inputs) {
    const node = named.get(name);
    if (name in kept || node === undefined) continue; // built-in scalars have no definition
    const plain = withoutProse(node);
    definitions.push(plain);
    for (const used of namesIn(plain)) inputs.add(used);
  }
  return { kind: Kind.DOCUMENT, definitions };
}

function keepFields(
  node: DefinitionNode | undefined,
  name: string,
  wanted: ReadonlySet<string>,
): DefinitionNode {
  if (node?.kind !== Kind.OBJECT_TYPE_DEFINITION && node?.kind !== Kind.INTERFACE_TYPE_DEFINITION) {
    throw new Error(`${name} is no object or interface`);
  }
  const fields = (node.fields ?? []).filter((field) => wanted.has(field.name.value));
  if (fields.length !== wanted.size)
    throw new Error(`${name} lacks one of ${[...wanted].join(" ")}`);
  for (const field of fields) checkOutput(name, field);
  const interfaces = (node.interfaces ?? []).filter((type) => {
    const needs = kept[type.name.value]?.split(" ");
    return needs?.every((field) => wanted.has(field)) ?? false;
  });
  return withoutProse({ ...node, fields, interfaces });
}

/** A kept field may not lead to an object that is not kept; scalars and enums come along by themselves. */
function checkOutput(type: string, field: FieldDefinitionNode): void {
  const name = nameOf(field.type);
  const scalar = /^(?:ID|Int|String|Boolean|Float|BigInt|URI|DateTime|GitObjectID)$/u.test(name);
  if (scalar || name in kept || /State$|Side$|Content$|Type$/u.test(name)) return;
  throw new Error(`${type}.${field.name.value} leads to ${name}, which is not kept`);
}

function withoutProse<T extends DefinitionNode>(node: T): T {
  return visit(node, {
    enter: (child) => ("description" in child ? { ...child, description: undefined } : undefined),
    Directive: () => null,
  });
}

/** The types that fields and arguments of a definition name. */
function namesIn(node: DefinitionNode): string[] {
  const names: string[] = [];
  visit(node, { NamedType: (type) => void names.push(type.name.value) });
  return names;
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}
