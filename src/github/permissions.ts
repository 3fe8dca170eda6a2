/**
 * The permission sets tokens are minted with: one per use, no wider. app.yml grants their union; a test
 * compares the two. Never `workflows`, `actions`, `administration` or `secrets`.
 */
export const PERMISSIONS = {
  /** Facts: issues, pull requests, reviews, `.github/orcha.yml`, permissions of people. */
  facts: { metadata: "read", contents: "read", issues: "read", pull_requests: "read" },
  /** Comments, reactions, closing. */
  issues: { issues: "write", pull_requests: "read" },
  /** Opening and editing pull requests, replies to reviews. */
  pulls: { pull_requests: "write", contents: "read" },
  /** Resolving threads and marking ready: GitHub asks App tokens for contents as well. */
  threads: { pull_requests: "write", contents: "write" },
  /** Clone and fetch. */
  clone: { contents: "read" },
  /** Push. */
  push: { contents: "write" },
} as const satisfies Record<string, Readonly<Record<string, "read" | "write">>>;

export type PermissionSet = keyof typeof PERMISSIONS;
