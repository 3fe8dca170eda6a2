import { expect, test } from "vitest";
import {
  decodeConfig,
  decodeObjective,
  decodePullRequest,
  decodeQuestion,
  decodeSession,
  encode,
} from "../../src/store/codec.ts";
import { calls, everything } from "./examples.ts";
import { EventRow } from "../../src/store/codec/event.ts";
import { events } from "./examples.ts";

test.for(Object.values(calls))("the call of $tool comes back as it was", (request) => {
  const event = { ...events["tool-called"], request };
  expect(EventRow.parse(JSON.parse(encode(event)))).toEqual(event);
});

test("what does not fit is named with table and path", () => {
  const [session] = everything().sessions;
  const change = (path: object): string => encode({ ...session, ...path });
  expect(() => decodeSession(change({ state: { kind: "asleep" } }))).toThrow(
    "a row of session does not fit this version: state.kind: ",
  );
  expect(() => decodeSession(change({ pin: undefined }))).toThrow("pin: ");
  expect(() => decodeSession(change({ mailbox: [{ id: 1 }] }))).toThrow("mailbox.0.id: ");
  expect(() => decodeQuestion("{}")).toThrow("a row of question does not fit");
  expect(() => decodePullRequest("{}")).toThrow("a row of pull_request does not fit");
  expect(() => decodeConfig("[]")).toThrow("a row of configuration does not fit");
  expect(() => decodeSession("{")).toThrow("a row of session is not JSON: {");
});

test("an objective without a manager is none", () => {
  const objective = everything();
  const children = { sessions: [], questions: [], pullRequests: [] };
  expect(() => decodeObjective(encode(objective), children)).toThrow("without a manager");
});

test("an objective with everything in it comes back as it was", () => {
  const objective = everything();
  const rows = {
    body: encode(objective),
    sessions: objective.sessions.map(encode),
    questions: objective.questions.map(encode),
    pullRequests: objective.pullRequests.map(encode),
  };
  const read = () =>
    decodeObjective(rows.body, {
      sessions: rows.sessions.map(decodeSession),
      questions: rows.questions.map(decodeQuestion),
      pullRequests: rows.pullRequests.map(decodePullRequest),
    });
  expect(read()).toEqual(objective);
});
