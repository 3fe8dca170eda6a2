/** Labels of a repository and on its issues. Names are compared without regard to case, as on GitHub. */
import { accountOfActor, demand } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Issue, Label, Repository } from "../model.ts";
import { invalid, Problem } from "../problem.ts";
import { labelShape } from "../shape/issue.ts";
import { emitLabeled } from "./emit.ts";
import { issueNeed, need } from "./needs.ts";
import { tooLong } from "./text.ts";

const labelsPerIssueMax = 100;
const nameCharactersMax = 50;

export function createLabel(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: { readonly name: string; readonly color?: string; readonly description?: string },
): Label {
  demand(actor, repository, need.writeLabels);
  if (repository.labels.has(wanted.name.toLowerCase())) {
    throw labelExists();
  }
  return addLabel(hub, actor, repository, wanted);
}

/** Changes a label everywhere; its events name what it was before. */
export function editLabel(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  label: Label,
  edit: { readonly name?: string | undefined; readonly color?: string | undefined },
): void {
  demand(actor, repository, need.writeLabels);
  const changes: Record<string, unknown> = {};
  if (edit.name !== undefined && edit.name !== label.name) {
    checkLabel(edit.name, label.color);
    if (edit.name.toLowerCase() !== label.name.toLowerCase()) {
      if (repository.labels.has(edit.name.toLowerCase())) throw labelExists();
    }
    changes["name"] = { from: label.name };
    repository.labels.delete(label.name.toLowerCase());
    label.name = edit.name;
    repository.labels.set(label.name.toLowerCase(), label);
  }
  if (edit.color !== undefined && edit.color !== label.color) {
    checkLabel(label.name, edit.color);
    changes["color"] = { from: label.color };
    label.color = edit.color;
  }
  emitLabel(hub, actor, repository, label, "edited", { changes });
}

/** Takes a label off everything and away. GitHub tells only of the label, not of each issue that loses it. */
export function deleteLabel(hub: Hub, actor: Actor, repository: Repository, label: Label): void {
  demand(actor, repository, need.writeLabels);
  repository.labels.delete(label.name.toLowerCase());
  for (const issue of repository.issues.values()) {
    issue.labels = issue.labels.filter((other) => other !== label);
  }
  emitLabel(hub, actor, repository, label, "deleted");
}

/** The labels of these names; those that do not exist yet are made, as GitHub does when one is put on an issue. */
export function ensureLabels(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  names: readonly string[],
): Label[] {
  return [...new Set(names)].map(
    (name) =>
      repository.labels.get(name.toLowerCase()) ?? addLabel(hub, actor, repository, { name }),
  );
}

export function addLabels(hub: Hub, actor: Actor, issue: Issue, names: readonly string[]): void {
  demand(actor, issue.repository, issueNeed(issue, "triage"));
  const labels = ensureLabels(hub, actor, issue.repository, names);
  for (const label of labels) {
    if (issue.labels.includes(label)) continue;
    if (issue.labels.length >= labelsPerIssueMax) {
      throw new Problem(422, `an issue can have at most ${labelsPerIssueMax} labels`);
    }
    issue.labels = [...issue.labels, label];
    issue.updatedAtMs = hub.nowMs();
    emitLabeled(hub, actor, issue, label, "labeled");
  }
}

/** Takes one label off; 404 "Label does not exist" when it is not on the issue. */
export function removeLabel(hub: Hub, actor: Actor, issue: Issue, name: string): void {
  demand(actor, issue.repository, issueNeed(issue, "triage"));
  const label = issue.labels.find((other) => other.name.toLowerCase() === name.toLowerCase());
  if (label === undefined) throw new Problem(404, "Label does not exist");
  issue.labels = issue.labels.filter((other) => other !== label);
  issue.updatedAtMs = hub.nowMs();
  emitLabeled(hub, actor, issue, label, "unlabeled");
}

/** Makes these the only labels of the issue. */
export function setLabels(hub: Hub, actor: Actor, issue: Issue, names: readonly string[]): void {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  for (const label of issue.labels) {
    if (!wanted.has(label.name.toLowerCase())) removeLabel(hub, actor, issue, label.name);
  }
  addLabels(hub, actor, issue, names);
}

function addLabel(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: { readonly name: string; readonly color?: string; readonly description?: string },
): Label {
  const name = wanted.name.trim();
  const color = wanted.color ?? "ededed";
  checkLabel(name, color);
  const id = hub.nextId();
  const nodeId = hub.nodeId("LA", id);
  const label: Label = { id, nodeId, name, color, description: wanted.description };
  repository.labels.set(name.toLowerCase(), label);
  emitLabel(hub, actor, repository, label, "created");
  return label;
}

function checkLabel(name: string, color: string): void {
  if (name === "") throw invalid({ resource: "Label", code: "missing_field", field: "name" });
  if (tooLong(name, nameCharactersMax)) {
    const message = `name is too long (maximum is ${nameCharactersMax} characters)`;
    throw invalid({ resource: "Label", code: "custom", field: "name", message });
  }
  if (!/^[0-9a-f]{6}$/iu.test(color)) {
    throw invalid({ resource: "Label", code: "invalid", field: "color" });
  }
}

function labelExists(): Problem {
  return invalid({ resource: "Label", code: "already_exists", field: "name" });
}

function emitLabel(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  label: Label,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const payload = { label: labelShape(hub, repository, label), ...more };
  hub.emit({ event: "label", action, sender: accountOfActor(actor), repository, payload });
}
