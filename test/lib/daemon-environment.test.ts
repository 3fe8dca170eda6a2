import { expect, test } from "vitest";
import { openCatalog } from "../../src/agents/catalog.ts";
import { daemonEnvironment } from "../../src/lib/daemon-environment.ts";

test("of what may be secret, a daemon gets nothing of ours", () => {
  const env = { PATH: "/bin", PRIVATE_KEY: "k", WEBHOOK_SECRET: "s", ORCHA_DATA_DIR: "/d" };
  expect(daemonEnvironment(env)).toEqual({ PATH: "/bin" });
});

test("what an agent needs of its runner, a daemon has", () => {
  const catalog = openCatalog();
  const missing = catalog.names.flatMap((name) => {
    const agent = catalog.named(name);
    if (agent === undefined) throw new Error(name);
    const { driver, settings } = agent;
    const spec = { session: "ses_1", attempt: 1, role: "worker", conversation: null } as const;
    const { inherit } = driver.launch({ ...spec, settings });
    const given = daemonEnvironment(Object.fromEntries(inherit.map((one) => [one, "x"])));
    return inherit.filter((one) => given[one] === undefined);
  });
  expect(missing).toEqual([]);
});
