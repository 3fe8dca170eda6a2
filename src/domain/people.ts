/** Who did something on GitHub, and what GitHub lets them do. Trust is by numeric id, never by login. */

export interface Actor {
  readonly id: number;
  readonly login: string;
  /** `own` = this App's own bot user. Other bots are recorded, never heard (decision 25). */
  readonly type: "user" | "bot" | "own";
}

/** Permission on a repository as GitHub names it (`role_name`), asked at the time of use. */
export type Permission = "none" | "read" | "triage" | "write" | "maintain" | "admin";

/** Only people who may write are heard: labels, comments, answers, reviews, edits. */
export const mayCommand = (permission: Permission): boolean =>
  permission === "write" || permission === "maintain" || permission === "admin";
