/** Limits on what people and apps may write, refused in GitHub's own words. */
import { invalid, Problem, unprocessable } from "../problem.ts";

const bodyCharactersMax = 65_536;
const titleCharactersMax = 256;

/** Refuses a comment that is blank or longer than 65 536 characters. */
export function checkComment(resource: string, body: string | undefined): string {
  if (body === undefined || body.trim() === "") {
    throw invalid({ resource, code: "missing_field", field: "body" });
  }
  if (tooLong(body, bodyCharactersMax)) {
    const message = `Body is too long (maximum is ${bodyCharactersMax} characters)`;
    throw unprocessable(resource, "data", message);
  }
  return body;
}

/** Refuses the body of an issue, pull request or review that is longer than 65 536 characters. */
export function checkBody(resource: string, body: string | undefined): void {
  if (body === undefined || !tooLong(body, bodyCharactersMax)) return;
  const message = `body is too long (maximum is ${bodyCharactersMax} characters)`;
  throw invalid({ resource, code: "custom", field: "body", message });
}

export function checkTitle(resource: string, title: string | undefined): string {
  if (title === undefined || title.trim() === "") {
    throw invalid({ resource, code: "missing_field", field: "title" });
  }
  if (tooLong(title, titleCharactersMax)) {
    const message = `title is too long (maximum is ${titleCharactersMax} characters)`;
    throw invalid({ resource, code: "custom", field: "title", message });
  }
  return title;
}

/** A number of issue references that a text asks to close: "Closes #1", "fixes #2", "Resolved: #3". */
export function closingNumbers(text: string): number[] {
  const pattern = /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b/giu;
  return [...text.matchAll(pattern)].map((match) => Number(match[1]));
}

/** A value that must be one of a few words. */
export function oneOf<T extends string>(
  value: string | undefined,
  allowed: readonly T[],
  field: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  const list = allowed.map((word) => `'${word}'`).join(", ");
  throw new Problem(422, `Invalid request.\n\nFor '${field}', ${value} is not one of ${list}.`);
}

/** Counts code points, as GitHub does, and only when the quick measure says that it could matter. */
export function tooLong(text: string, max: number): boolean {
  return text.length > max && Array.from(text).length > max;
}
