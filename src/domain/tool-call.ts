/** What agents may ask of us, after `src/tools` has parsed it. Tool names are those of decision 27. */

export interface TestRun {
  readonly command: string;
  readonly exitCode: number;
}

export type ToolCall =
  // manager
  | {
      readonly tool: "spawn_session";
      readonly title: string;
      readonly goal: string;
      /** Ids or titles of sessions of this objective that must have reported first. */
      readonly dependsOn: readonly string[];
      /** Name of a runner this session must run on. */
      readonly runner: string | null;
      /** Labels its runner must have; missing = those of its repository. */
      readonly runnerLabels?: readonly string[];
      /** Name of the agent that does it; missing = the repository's for workers. */
      readonly agent?: string;
    }
  | { readonly tool: "message_session"; readonly session: string; readonly text: string }
  | { readonly tool: "list_sessions" }
  | { readonly tool: "get_session"; readonly session: string }
  | { readonly tool: "cancel_session"; readonly session: string; readonly reason: string }
  | {
      readonly tool: "publish_pr";
      readonly session: string;
      readonly title: string | null;
      readonly body: string | null;
    }
  | { readonly tool: "finish_objective"; readonly summary: string }
  // manager and worker
  | {
      readonly tool: "ask_human";
      readonly question: string;
      readonly context: string | null;
      readonly options: readonly string[];
    }
  // worker
  | { readonly tool: "report_progress"; readonly text: string }
  | { readonly tool: "report_problem"; readonly text: string }
  | {
      readonly tool: "report_result";
      readonly what: string;
      readonly why: string;
      readonly tests: readonly TestRun[];
      readonly notes: string | null;
    }
  | { readonly tool: "message_manager"; readonly text: string }
  // worker with review feedback
  | {
      readonly tool: "reply_to_review";
      readonly thread: number;
      readonly text: string;
      readonly outcome: "fixed" | "answered" | "disagree";
    }
  // manager
  | {
      readonly tool: "propose_plan";
      readonly sessions: readonly { readonly title: string; readonly goal: string }[];
      readonly risks: readonly string[];
      readonly questions: readonly string[];
    }
  | {
      readonly tool: "request_review";
      /** Whose pull request. */
      readonly session: string;
      /** What to look at; null = everything. */
      readonly focus: string | null;
      readonly agent?: string;
    }
  // worker
  | { readonly tool: "message_peer"; readonly session: string; readonly text: string }
  // reviewer
  | {
      readonly tool: "submit_review";
      readonly verdict: "approve" | "request_changes" | "comment";
      readonly summary: string;
      readonly findings: readonly ReviewFinding[];
    };

export interface ReviewFinding {
  readonly path: string;
  readonly line: number | null;
  readonly text: string;
}

export type ToolName = ToolCall["tool"];
