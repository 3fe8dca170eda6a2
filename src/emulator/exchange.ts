/** What the emulator tells an observer: every request with its answer, every webhook payload. For validation in tests. */
export type Exchange =
  | {
      readonly kind: "rest";
      readonly method: string;
      /** The path template of GitHub's description, `/repos/{owner}/{repo}`; undefined when nothing matched. */
      readonly route: string | undefined;
      readonly path: string;
      readonly query: Readonly<Record<string, string>>;
      readonly requestBody: unknown;
      readonly status: number;
      readonly responseBody: unknown;
      /** The answer was made up by a fault. */
      readonly faulted: boolean;
    }
  | {
      readonly kind: "graphql";
      readonly query: string;
      readonly variables: Readonly<Record<string, unknown>>;
      readonly status: number;
      readonly responseBody: unknown;
    }
  | {
      readonly kind: "webhook";
      readonly event: string;
      readonly action: string | undefined;
      readonly payload: unknown;
    };
