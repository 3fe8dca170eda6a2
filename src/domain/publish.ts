/**
 * From a session's commits to a merged pull request.
 *
 *     (push) ──pushed──▶ pushed ──opened──▶ draft ──reported──▶ open ──▶ merged
 *                                             └───────────────────┴────▶ closed ──waived──▶ waived
 *
 * Published before the worker reported: a draft, marked ready with the report; afterwards: opened ready
 * (decision 23). A merged one is never pushed to, a closed one becomes a question.
 */
import { ask } from "./ask.ts";
import { branchName } from "./branch.ts";
import type { ResultEvent, GitHubEvent } from "./event.ts";
import type { ReviewComment } from "./facts.ts";
import {
  isOver,
  openQuestions,
  pullRequestOf,
  type FollowUp,
  type HeldReply,
  type PullRequest,
  type PushReason,
  type Session,
} from "./objective.ts";
import { agentText, notPushedText, pullRequestText } from "./render.ts";
import { endPublished } from "./park.ts";
import { replyToCall } from "./reply.ts";
import { isLive, isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

type FollowUpPush = Extract<PushReason, { kind: "follow-up" }>;
type Of<K extends ResultEvent["kind"]> = Extract<ResultEvent, { kind: K }>;

/** Sends the session's commits on their way. False = it has no workspace yet. */
export function push(step: Step, session: Session, reason: PushReason): boolean {
  const { repository, issue, title } = step.objective;
  const { workspace, runner } = session;
  if (workspace === null || runner === null) return false;
  const pull = pullRequestOf(step.objective, session.id);
  step.changeSession(session.id, { push: reason });
  step.emit({
    kind: "push-branch",
    repository,
    number: issue.number,
    session: session.id,
    attempt: session.attempt,
    runner,
    path: workspace.path,
    base: workspace.base,
    branch: pull?.branch ?? branchName(issue.number, session),
    expected: pull?.pushedSha ?? null,
    pullRequest: pull?.number ?? null,
    title: `${session.title} (${title})`,
  });
  return true;
}

/** People who close or merge a pull request have the last word. */
export const isPushable = (pull: PullRequest | undefined): pull is PullRequest =>
  pull?.state === "pushed" || pull?.state === "draft" || pull?.state === "open";

export function pushFollowUp(step: Step, session: Session): boolean {
  const covers = session.followUp?.comments.map(({ id }) => id) ?? [];
  return push(step, session, { kind: "follow-up", covers });
}

export function onPushed(step: Step, session: Session, { sha }: Of<"branch-pushed">): void {
  const { push: reason } = session;
  const pull = pullRequestOf(step.objective, session.id);
  const title = (reason?.kind === "publish" ? reason.title : null) ?? pull?.title ?? session.title;
  const body = (reason?.kind === "publish" ? reason.body : null) ?? pull?.body ?? null;
  const branch = pull?.branch ?? branchName(step.objective.issue.number, session);
  step.changeSession(session.id, { push: null, refusals: 0 });
  published(step, session, reason);
  const next: PullRequest = {
    session: session.id,
    branch,
    number: null,
    url: null,
    state: "pushed",
    ...pull,
    pushedSha: sha,
    title,
    body,
  };
  step.putPullRequest(next);
  if (isOver(step.objective)) {
    step.note(`${session.title}: pushed after the end`);
    return;
  }
  if (next.number === null) {
    openPullRequest(step, session, next);
    return;
  }
  settlePublishCalls(step, session, `pull request #${next.number} has the new commits`);
  ready(step, session, next);
  // What the manager published may be older than what the replies speak of.
  if (reason?.kind === "follow-up") releaseReplies(step, session, reason);
  goOnAfterPush(step, session);
  endFollowUp(step, session);
}

/** After a merge nothing follows: what the last push did not cover, or a refused one did, is not waited for. */
function endFollowUp(step: Step, { id }: Session): void {
  const state = pullRequestOf(step.objective, id)?.state;
  if (state === "merged" || state === "waived") step.changeSession(id, { followUp: null });
}

/** Nothing is only in its checkout any more, unless it works on while the manager publishes, or a person does. */
function published(step: Step, { id, state }: Session, reason: PushReason | null): void {
  if (state.kind === "paused") return;
  if (reason?.kind === "follow-up" || state.kind !== "running")
    step.changeSession(id, { unpublished: false });
}

/** Feedback that waited for this push wakes its worker now; replies it did not cover get a push of their own. */
function goOnAfterPush(step: Step, given: Session): void {
  const session = step.fresh(given);
  const { state, mailbox, followUp, unpublished = false, freshCheckout } = session;
  if (isLive(state) || isTerminal(state) || state.kind === "paused") return;
  if (mailbox.length > 0) {
    const fresh = freshCheckout || (followUp !== null && !unpublished);
    step.changeSession(session.id, { freshCheckout: fresh });
    if (state.kind === "idle" || state.kind === "waiting_user")
      step.move(session, { kind: "wake", purpose: "review" });
  } else if (followUp !== null && state.kind === "idle") pushFollowUp(step, session);
}

function openPullRequest(step: Step, session: Session, { branch, title, body }: PullRequest): void {
  const { repository, issue, defaultBranch } = step.objective;
  step.emit({
    kind: "open-pull-request",
    repository,
    number: issue.number,
    session: session.id,
    head: branch,
    base: defaultBranch,
    title,
    text: pullRequestText(step.objective, session, body, step.context.rules),
    draft: isDraft(step, session),
  });
}

const isDraft = (step: Step, { result }: Session): boolean =>
  result === null || step.objective.config.pr.draft === "always";

export function onOpened(
  step: Step,
  session: Session,
  { number, url, draft }: Of<"pull-request-opened">,
): void {
  const pull = pullRequestOf(step.objective, session.id);
  if (pull === undefined) return;
  // Its webhook may have been faster: what GitHub said then is newer than our request.
  const state = pull.state === "pushed" ? (draft ? "draft" : "open") : pull.state;
  const opened: PullRequest = { ...pull, number, url, state };
  step.putPullRequest(opened);
  if (isOver(step.objective)) return;
  settlePublishCalls(step, session, `pull request #${number} is ${opened.state}: ${url}`);
  ready(step, session, opened);
}

/** Marks a draft ready once its worker has reported, and brings its text up to date. */
export function ready(step: Step, session: Session, pull: PullRequest): void {
  if (pull.state !== "draft" || pull.number === null || isDraft(step, session)) return;
  const { repository, issue } = step.objective;
  const text = pullRequestText(step.objective, session, pull.body, step.context.rules);
  const where = { repository, number: issue.number, pullRequest: pull.number };
  step.emit({ kind: "edit-pull-request", ...where, title: pull.title, text });
  step.emit({ kind: "mark-ready", ...where });
  step.putPullRequest({ ...pull, state: "open" });
}

export function onPushRefused(
  step: Step,
  session: Session,
  { code, reason }: Of<"push-refused">,
): void {
  const { push: reasonOf } = session;
  step.changeSession(session.id, { push: null });
  settlePublishCalls(step, session, `not published: ${reason}`, true);
  if (code === "nothing-committed") published(step, session, reasonOf);
  else step.note(`${session.title}: not pushed (${code}): ${reason}`);
  if (reasonOf?.kind !== "follow-up") goOnAfterPush(step, session);
  else if (code === "nothing-committed") {
    const pull = pullRequestOf(step.objective, session.id);
    if (isPushable(pull)) ready(step, session, pull);
    releaseReplies(step, session, reasonOf);
    goOnAfterPush(step, session);
  } else followUpRefused(step, session, reasonOf, { code, reason });
  endFollowUp(step, session);
}

/** Refusals of follow-ups in a row before a person is asked: an agent may mend the first. */
const REFUSALS_MAX = 2;

function followUpRefused(
  step: Step,
  session: Session,
  sent: FollowUpPush,
  { code, reason }: Pick<Of<"push-refused">, "code" | "reason">,
): void {
  const moved = code === "moved";
  const refusals = (session.refusals ?? 0) + (moved ? 0 : 1);
  step.changeSession(session.id, { refusals, freshCheckout: session.freshCheckout || moved });
  const isLast = !moved && refusals >= REFUSALS_MAX;
  if (!isLast || isTerminal(session.state) || isOver(step.objective))
    step.tell(session, `Your commits were not pushed: ${reason}`, "review");
  else {
    giveUpFollowUp(step, session, sent, reason);
    goOnAfterPush(step, session);
  }
}

/** What it wanted to say is said all the same, with why its commits are missing; a person decides. */
function giveUpFollowUp(step: Step, session: Session, sent: FollowUpPush, reason: string): void {
  const { repository, issue } = step.objective;
  const number = pullRequestOf(step.objective, session.id)?.number ?? issue.number;
  const { replies } = takeCovered(step, session, sent);
  step.emit({
    kind: "post-comment",
    repository,
    number,
    purpose: "notice",
    question: null,
    text: notPushedText(session, replies, reason),
  });
  ask(step, {
    session,
    about: { kind: "asked" },
    text: `The commits of "${session.title}" were refused again and are not published: ${reason}. What now?`,
  });
}

/** The commits are on their branch, and GitHub does not open the pull request: the manager decides. */
export function onOpenRefused(step: Step, session: Session, reason: string): void {
  if (pullRequestOf(step.objective, session.id)?.number !== null) {
    step.note(`${session.title}: opening it failed, but it is there: ${reason}`);
    return;
  }
  const text = `GitHub did not open a pull request for "${session.title}" (${session.id}): ${reason}. Call publish_pr again, or cancel_session to drop it.`;
  if (isOver(step.objective)) step.note(text);
  else if (!settlePublishCalls(step, session, text, true)) step.tell(step.manager, text, "message");
}

/** Answers the manager's waiting `publish_pr` calls for this session. False = nobody waits for it. */
function settlePublishCalls(step: Step, session: Session, text: string, isError = false): boolean {
  const { manager } = step;
  const settled = manager.calls.filter(
    (call) => call.kind === "publish" && call.session === session.id,
  );
  step.changeSession(manager.id, {
    calls: manager.calls.filter((call) => !settled.includes(call)),
  });
  for (const call of settled) replyToCall(step, step.manager, call, { text, isError });
  return settled.length > 0;
}

/** Its commits are on a machine that nobody reaches: who waits for them waits no more. */
export function unpublishable(step: Step, session: Session, reason: string): void {
  const next = "end your turn and wait for it, or message_session to have it done again elsewhere";
  settlePublishCalls(
    step,
    session,
    `not published now: ${reason}, and with it the commits; ${next}`,
    true,
  );
}

/** The push is confirmed, or there was nothing to push: held replies go out, one per thread. */
function releaseReplies(step: Step, session: Session, sent: FollowUpPush): void {
  const pull = pullRequestOf(step.objective, session.id);
  if (pull === undefined || pull.number === null) return;
  const { repository, issue } = step.objective;
  const number = issue.number;
  const { comments, replies, rest } = takeCovered(step, session, sent);
  for (const { thread, text, outcome } of replies) {
    step.emit({
      kind: "reply-to-review",
      repository,
      number,
      pullRequest: pull.number,
      thread,
      text: agentText(session.title, text),
    });
    const node = comments.find((comment) => comment.thread === thread)?.threadNode ?? null;
    const goesOn = rest.some((comment) => comment.thread === thread);
    if (outcome !== "disagree" && node !== null && !goesOn)
      step.emit({ kind: "resolve-thread", repository, number, threadNode: node });
  }
}

interface Covered extends FollowUp {
  /** Comments that came while the push was on its way. */
  readonly rest: readonly ReviewComment[];
}

/** Takes out of a follow-up what this push covers; what came later stays. */
function takeCovered(step: Step, given: Session, { covers }: FollowUpPush): Covered {
  const { followUp, mailbox } = step.fresh(given);
  if (followUp === null) return { comments: [], replies: [], rest: [] };
  const isCovered = ({ id }: ReviewComment): boolean => covers?.includes(id) ?? true;
  const comments = followUp.comments.filter((comment) => isCovered(comment));
  const rest = followUp.comments.filter((comment) => !isCovered(comment));
  const speaksTo = ({ thread }: HeldReply): boolean =>
    comments.some((comment) => comment.thread === thread);
  const replies = followUp.replies.filter((reply) => speaksTo(reply));
  const kept = followUp.replies.filter((reply) => !speaksTo(reply));
  // Feedback without threads that it has not read is a reason to go on, too.
  const ends = rest.length === 0 && mailbox.length === 0;
  step.changeSession(given.id, { followUp: ends ? null : { comments: rest, replies: kept } });
  return { comments, replies, rest };
}

/**
 * The pull request with this number. One that GitHub already has, but of which we have not recorded that it
 * was opened, is known by its branch (decision 22: only when our App is its author); its number is taken over.
 */
export function findPullRequest(step: Step, number: number): PullRequest | undefined {
  const { pullRequests } = step.objective;
  const known = pullRequests.find((pull) => pull.number === number);
  const fact = step.context.facts.pullRequest ?? null;
  if (known !== undefined || fact?.author.type !== "own") return known;
  const found = pullRequests.find(
    (pull) => pull.number === null && pull.branch === fact.headBranch,
  );
  if (found === undefined) return undefined;
  // Merged and closed are taken over where they are acted on.
  const going = fact.state === "draft" || fact.state === "open";
  const adopted = { ...found, number, url: fact.url, state: going ? fact.state : found.state };
  step.putPullRequest(adopted);
  return adopted;
}

/** A person merged, closed or reopened it; what counts is how it is now. */
export function onPullRequestChanged(
  step: Step,
  event: Extract<GitHubEvent, { kind: "pull-request-changed" }>,
): void {
  const now = step.context.facts.pullRequest;
  if (now === undefined || now === null || isOver(step.objective)) return;
  const pull = findPullRequest(step, event.number);
  if (pull === undefined) return;
  if (now.state === pull.state || pull.state === "merged" || pull.state === "waived") return;
  step.putPullRequest({ ...pull, state: now.state });
  withdrawClosed(step, event.number, now.state);
  if (now.state === "closed") closed(step, event.number, pull.title);
  if (now.state !== "merged") return;
  for (const session of step.workers)
    if (session.id === pull.session) merged(step, session, event.number);
}

function merged(step: Step, session: Session, number: number): void {
  step.note(`pull request #${number} was merged`);
  endPublished(step, session);
  step.tell(step.manager, `Pull request #${number} of "${session.title}" was merged.`, "message", {
    wake: false,
  });
}

/** Reopened or merged after all: nobody has to say what now. */
function withdrawClosed(step: Step, number: number, state: PullRequest["state"]): void {
  for (const { id, about } of openQuestions(step.objective))
    if (about.kind === "pull-request-closed" && about.pullRequest === number)
      step.changeQuestion(id, { state: { kind: "canceled", reason: `it is ${state}` } });
}

function closed(step: Step, number: number, title: string): void {
  ask(step, {
    session: null,
    about: { kind: "pull-request-closed", pullRequest: number },
    text: `Pull request #${number} (${title}) was closed without being merged. What now?`,
    options: ["Drop this work", "Do it differently (say how)"],
  });
}
