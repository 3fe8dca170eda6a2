/**
 * A part of GitHub's GraphQL schema, from @octokit/graphql-schema 15.26.1, MIT licence, copyright Gregor
 * Martynus and GitHub, Inc. Made by scripts/trim-graphql.ts; do not edit. A module, so that the build carries it along.
 */
export const schemaText = `
type Query {
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  rateLimit(dryRun: Boolean = false): RateLimit
  repository(followRenames: Boolean = true, name: String!, owner: String!): Repository
  viewer: User!
}
type Mutation {
  addPullRequestReviewThreadReply(input: AddPullRequestReviewThreadReplyInput!): AddPullRequestReviewThreadReplyPayload
  addReaction(input: AddReactionInput!): AddReactionPayload
  convertPullRequestToDraft(input: ConvertPullRequestToDraftInput!): ConvertPullRequestToDraftPayload
  markPullRequestReadyForReview(input: MarkPullRequestReadyForReviewInput!): MarkPullRequestReadyForReviewPayload
  minimizeComment(input: MinimizeCommentInput!): MinimizeCommentPayload
  resolveReviewThread(input: ResolveReviewThreadInput!): ResolveReviewThreadPayload
  unminimizeComment(input: UnminimizeCommentInput!): UnminimizeCommentPayload
  unresolveReviewThread(input: UnresolveReviewThreadInput!): UnresolveReviewThreadPayload
}
interface Node {
  id: ID!
}
interface Actor {
  login: String!
  url: URI!
}
interface RepositoryOwner {
  id: ID!
  login: String!
  url: URI!
}
interface Minimizable {
  isMinimized: Boolean!
  minimizedReason: String
}
interface Reactable {
  databaseId: Int
  id: ID!
}
type User implements Actor & Node & RepositoryOwner {
  databaseId: Int
  id: ID!
  login: String!
  url: URI!
}
type Bot implements Actor & Node {
  databaseId: Int
  id: ID!
  login: String!
  url: URI!
}
type Organization implements Actor & Node & RepositoryOwner {
  databaseId: Int
  id: ID!
  login: String!
  url: URI!
}
type RateLimit {
  cost: Int!
  limit: Int!
  nodeCount: Int!
  remaining: Int!
  resetAt: DateTime!
  used: Int!
}
type PageInfo {
  endCursor: String
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String
}
type Repository implements Node {
  databaseId: Int
  id: ID!
  isPrivate: Boolean!
  issue(number: Int!): Issue
  name: String!
  nameWithOwner: String!
  owner: RepositoryOwner!
  pullRequest(number: Int!): PullRequest
  url: URI!
}
type Issue implements Node & Reactable {
  author: Actor
  body: String!
  comments(after: String, before: String, first: Int, last: Int, orderBy: IssueCommentOrder): IssueCommentConnection!
  databaseId: Int
  editor: Actor
  id: ID!
  lastEditedAt: DateTime
  number: Int!
  state: IssueState!
  title: String!
  url: URI!
}
type IssueComment implements Minimizable & Node & Reactable {
  author: Actor
  body: String!
  createdAt: DateTime!
  databaseId: Int
  id: ID!
  isMinimized: Boolean!
  minimizedReason: String
  url: URI!
}
type IssueCommentConnection {
  nodes: [IssueComment]
  pageInfo: PageInfo!
  totalCount: Int!
}
type PullRequest implements Node & Reactable {
  author: Actor
  baseRefName: String!
  body: String!
  comments(after: String, before: String, first: Int, last: Int, orderBy: IssueCommentOrder): IssueCommentConnection!
  databaseId: Int
  headRefName: String!
  headRefOid: GitObjectID!
  id: ID!
  isDraft: Boolean!
  mergeable: MergeableState!
  merged: Boolean!
  number: Int!
  reviewThreads(after: String, before: String, first: Int, last: Int): PullRequestReviewThreadConnection!
  reviews(after: String, author: String, before: String, first: Int, last: Int, states: [PullRequestReviewState!]): PullRequestReviewConnection
  state: PullRequestState!
  title: String!
  url: URI!
}
type PullRequestReview implements Node & Reactable {
  author: Actor
  body: String!
  databaseId: Int
  id: ID!
  state: PullRequestReviewState!
  submittedAt: DateTime
}
type PullRequestReviewConnection {
  nodes: [PullRequestReview]
  pageInfo: PageInfo!
  totalCount: Int!
}
type PullRequestReviewThread implements Node {
  comments(after: String, before: String, first: Int, last: Int, skip: Int): PullRequestReviewCommentConnection!
  diffSide: DiffSide!
  id: ID!
  isCollapsed: Boolean!
  isOutdated: Boolean!
  isResolved: Boolean!
  line: Int
  originalLine: Int
  path: String!
  pullRequest: PullRequest!
  resolvedBy: User
  startLine: Int
  subjectType: PullRequestReviewThreadSubjectType!
  viewerCanReply: Boolean!
  viewerCanResolve: Boolean!
  viewerCanUnresolve: Boolean!
}
type PullRequestReviewThreadConnection {
  nodes: [PullRequestReviewThread]
  pageInfo: PageInfo!
  totalCount: Int!
}
type PullRequestReviewComment implements Minimizable & Node & Reactable {
  author: Actor
  body: String!
  createdAt: DateTime!
  databaseId: Int
  diffHunk: String!
  fullDatabaseId: BigInt
  id: ID!
  isMinimized: Boolean!
  line: Int
  minimizedReason: String
  outdated: Boolean!
  path: String!
  pullRequestReview: PullRequestReview
  replyTo: PullRequestReviewComment
  url: URI!
}
type PullRequestReviewCommentConnection {
  nodes: [PullRequestReviewComment]
  pageInfo: PageInfo!
  totalCount: Int!
}
type Reaction implements Node {
  content: ReactionContent!
  databaseId: Int
  id: ID!
  user: User
}
type AddPullRequestReviewThreadReplyPayload {
  clientMutationId: String
  comment: PullRequestReviewComment
}
type AddReactionPayload {
  clientMutationId: String
  reaction: Reaction
  subject: Reactable
}
type ConvertPullRequestToDraftPayload {
  clientMutationId: String
  pullRequest: PullRequest
}
type MarkPullRequestReadyForReviewPayload {
  clientMutationId: String
  pullRequest: PullRequest
}
type MinimizeCommentPayload {
  clientMutationId: String
  minimizedComment: Minimizable
}
type ResolveReviewThreadPayload {
  clientMutationId: String
  thread: PullRequestReviewThread
}
type UnminimizeCommentPayload {
  clientMutationId: String
  unminimizedComment: Minimizable
}
type UnresolveReviewThreadPayload {
  clientMutationId: String
  thread: PullRequestReviewThread
}
input AddPullRequestReviewThreadReplyInput {
  body: String!
  clientMutationId: String
  pullRequestReviewId: ID
  pullRequestReviewThreadId: ID!
}
input AddReactionInput {
  clientMutationId: String
  content: ReactionContent!
  subjectId: ID!
}
input ConvertPullRequestToDraftInput {
  clientMutationId: String
  pullRequestId: ID!
}
input MarkPullRequestReadyForReviewInput {
  clientMutationId: String
  pullRequestId: ID!
}
input MinimizeCommentInput {
  classifier: ReportedContentClassifiers!
  clientMutationId: String
  subjectId: ID!
}
input ResolveReviewThreadInput {
  clientMutationId: String
  threadId: ID!
}
input UnminimizeCommentInput {
  clientMutationId: String
  subjectId: ID!
}
input UnresolveReviewThreadInput {
  clientMutationId: String
  threadId: ID!
}
scalar URI
scalar DateTime
input IssueCommentOrder {
  direction: OrderDirection!
  field: IssueCommentOrderField!
}
enum IssueState {
  CLOSED
  OPEN
}
scalar GitObjectID
enum MergeableState {
  CONFLICTING
  MERGEABLE
  UNKNOWN
}
enum PullRequestReviewState {
  APPROVED
  CHANGES_REQUESTED
  COMMENTED
  DISMISSED
  PENDING
}
enum PullRequestState {
  CLOSED
  MERGED
  OPEN
}
enum DiffSide {
  LEFT
  RIGHT
}
enum PullRequestReviewThreadSubjectType {
  FILE
  LINE
}
scalar BigInt
enum ReactionContent {
  CONFUSED
  EYES
  HEART
  HOORAY
  LAUGH
  ROCKET
  THUMBS_DOWN
  THUMBS_UP
}
enum ReportedContentClassifiers {
  ABUSE
  DUPLICATE
  OFF_TOPIC
  OUTDATED
  RESOLVED
  SPAM
}
enum OrderDirection {
  ASC
  DESC
}
enum IssueCommentOrderField {
  UPDATED_AT
}
`;
