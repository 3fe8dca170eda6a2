/** An answer other than success, with GitHub's status, message and body shape. Thrown by rules, turned into HTTP by the server. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: readonly FieldError[] | readonly string[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    more: {
      readonly errors?: readonly FieldError[] | readonly string[];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

export interface FieldError {
  readonly resource: string;
  readonly field?: string;
  readonly code:
    | "missing"
    | "missing_field"
    | "invalid"
    | "already_exists"
    | "unprocessable"
    | "custom";
  readonly message?: string;
  readonly value?: string;
}

/** 404, also the answer for what the asker may not see. */
export function notFound(): Problem {
  return new Problem(404, "Not Found");
}

/** 422 with the list of fields that are wrong. */
export function invalid(...errors: FieldError[]): Problem {
  return new Problem(422, "Validation Failed", { errors });
}

/** 422 for one field in GitHub's own words. */
export function unprocessable(resource: string, field: string, message: string): Problem {
  return new Problem(422, "Validation Failed", {
    errors: [{ resource, code: "unprocessable", field, message }],
  });
}

/** 403 for an App token that lacks a permission; names what would be enough, as GitHub does. */
export function notAccessible(accepted: string): Problem {
  return new Problem(403, "Resource not accessible by integration", {
    headers: { "x-accepted-github-permissions": accepted },
  });
}
