/** What each kind of change needs: permissions of an App token, the role of a person. One row per kind. */
import type { Need } from "../access.ts";
import type { Issue } from "../model.ts";

const issues = { issues: "write" } as const;
const pulls = { pull_requests: "write" } as const;

export const need = {
  read: { app: [{ metadata: "read" }], role: "read" },
  readContents: { app: [{ contents: "read" }], role: "read" },
  readIssues: { app: [{ issues: "read" }, { pull_requests: "read" }], role: "read" },
  readPulls: { app: [{ pull_requests: "read" }], role: "read" },
  readChecks: { app: [{ checks: "read" }], role: "read" },
  readStatuses: { app: [{ statuses: "read" }], role: "read" },
  writeContents: { app: [{ contents: "write" }], role: "write" },
  openIssue: { app: [issues], role: "read" },
  writeLabels: { app: [issues, pulls], role: "write" },
  openPull: { app: [pulls], role: "read" },
  editPull: { app: [pulls], role: "write" },
  review: { app: [pulls], role: "read" },
  merge: { app: [{ contents: "write" }], role: "write" },
  /** Resolving threads and leaving draft: contents besides pull requests, as measured on github.com. */
  pullState: { app: [{ pull_requests: "write", contents: "write" }], role: "write" },
  writeChecks: { app: [{ checks: "write" }], role: "admin" },
  writeStatuses: { app: [{ statuses: "write" }], role: "write" },
} as const satisfies Record<string, Need>;

/** Changing an issue; for a pull request its own permission is enough too. */
export function issueNeed(issue: Issue, role: Need["role"]): Need {
  return { app: issue.pull === undefined ? [issues] : [issues, pulls], role };
}
