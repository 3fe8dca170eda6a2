/** The parts of GitHub's webhook payloads that we use (zod). Everything else in them is ignored. */
import * as z from "zod";

const Id = z.int().positive();
const Counted = z.int().positive();

export const Account = z.object({ id: Id, login: z.string().max(200), type: z.string().max(50) });
export type Account = z.infer<typeof Account>;

/** ISO 8601, as GitHub writes times; anything else counts as not told. */
const Time = z
  .string()
  .optional()
  .catch(undefined)
  .transform((text) => {
    const time = Date.parse(text ?? "");
    return Number.isNaN(time) ? null : time;
  });

const Via = z.object({ id: Id }).nullish();

const Repository = z.object({
  id: Id,
  name: z.string().max(200),
  owner: z.object({ login: z.string().max(200) }),
});

/** What every event about a repository carries when it comes through an installation. */
export const Envelope = z.object({
  action: z.string(),
  installation: z.object({ id: Id }),
  repository: Repository,
  sender: Account,
});
export type Envelope = z.infer<typeof Envelope>;

const Label = z.object({ name: z.string() });

const Issue = z.object({
  id: Id,
  number: Counted,
  title: z.string(),
  body: z.string().nullish(),
  html_url: z.string(),
  labels: z.array(Label).default([]),
  updated_at: Time,
  /** Only there when the issue is a pull request. */
  pull_request: z.unknown().optional(),
});

export const IssuesPayload = Envelope.extend({ issue: Issue, label: Label.nullish() });

export const IssueCommentPayload = Envelope.extend({
  issue: Issue,
  comment: z.object({
    id: Id,
    body: z.string().nullish(),
    html_url: z.string(),
    user: Account.nullable(),
    performed_via_github_app: Via,
    updated_at: Time,
  }),
});

export const PullRequestPayload = Envelope.extend({ pull_request: z.object({ number: Counted }) });

export const ReviewPayload = Envelope.extend({
  pull_request: z.object({ number: Counted }),
  review: z.object({ id: Id, user: Account.nullable() }),
});

/** Repositories as installation events name them: without their owner as an object. */
const Named = z.object({ id: Id, full_name: z.string().max(400) });

export const InstallationPayload = z.object({
  action: z.string(),
  installation: z.object({ id: Id }),
  repositories: z.array(Named).optional(),
});

export const InstallationRepositoriesPayload = z.object({
  action: z.string(),
  installation: z.object({ id: Id }),
  repositories_removed: z.array(Named),
});
