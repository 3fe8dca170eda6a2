/**
 * Inbox keys of what is unique on GitHub: whoever tells of it (a webhook, its redelivery, a sweep), it enters
 * once. Built from ids only, never from texts.
 */
export const commentKey = (repository: number, comment: number): string =>
  `comment:${repository}:${comment}`;

/** One edit of a comment; GitHub tells them apart by time. `at`: `updated_at` in ms. */
export const editKey = (repository: number, comment: number, at: number): string =>
  `comment:${repository}:${comment}:${at}`;

export const reviewKey = (repository: number, review: number): string =>
  `review:${repository}:${review}`;

/** A label that was put on, by the id of GitHub's event about it. Webhooks do not carry that id. */
export const labelKey = (repository: number, event: number): string =>
  `labeled:${repository}:${event}`;

/** "Look at it now", once per state of ours (`rev` of the objective) and difference found. */
export const lookKey = (
  what: "issue" | "pull" | "access",
  repository: number,
  number: number,
  found: string,
): string => `look:${what}:${repository}:${number}:${found}`;
