import { expect, test } from "vitest";
import { message, RunnerWorld, tool, waitFor } from "./world.ts";

test("an agent runs, its output and end are streamed", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(
    world.plain(session, ["sh", "-c", "echo hello; echo oops >&2; exit 3"]),
  );
  expect(await sink.exited()).toMatchObject({ code: 3, signal: null, cause: "itself" });
  expect(sink.text).toBe("hello\n");
  expect(sink.err.toString()).toBe("oops\n");
  expect(sink.kinds).toEqual(["prepared", "spawned", "exited"]);
});

test("the script agent works in a fresh checkout, calls a tool and its commits are exported", async () => {
  await using world = await RunnerWorld.open();
  const url = world.createUpstream({ "README.md": "hello\n" });
  const session = world.session();
  const path = `o__r/${session}/1`;
  const spec = world.scripted(
    session,
    [
      { say: "hi" },
      { append: { path: "README.md", content: "more\n" } },
      { commit: "more" },
      { tool: "report_result", args: { what: "x" }, save: "reply" },
      { expect: "${reply.ok}", equals: true },
      { wait: "go on" },
      { say: "bye" },
    ],
    {
      workspace: {
        kind: "checkout",
        path,
        url,
        mirror: "mirrors/o__r.git",
        from: "main",
        branch: "work",
        restoreFrom: null,
        setup: ["echo set up"],
      },
      tools: [tool("report_result")],
    },
  );
  const sink = await world.run(spec);
  const call = await waitFor("the call", () => sink.entry("tool-called"));
  expect(call).toMatchObject({ tool: "report_result", arguments: { what: "x" } });
  const answer = {
    op: "answer",
    session,
    attempt: 1,
    call: call.call,
    outcome: "result",
    isError: false,
    content: '{"ok":true}',
  } as const;
  expect((await world.ask(answer)).reply).toEqual({ ok: true, value: { won: "result" } });
  await waitFor("the end of the turn", () => sink.text.includes('"turn-end"'));
  expect(sink.text).toContain('{"type":"turn-end"}');
  await world.ask({ op: "input", session, attempt: 1, input: message("m2", "please GO ON") });
  await waitFor("bye", () => sink.text.includes("bye"));
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 2000 });
  expect(await sink.exited()).toMatchObject({ cause: "stopped", code: 0 });
  const base = sink.entry("prepared")?.base ?? "";
  const { reply, attachment } = await world.ask({ op: "export", session, attempt: 1, path, base });
  expect(reply).toMatchObject({
    ok: true,
    value: { base, commits: 1, bytes: attachment.byteLength },
  });
});
