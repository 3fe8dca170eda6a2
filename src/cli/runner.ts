/** `orcha runner …`: the machines that run sessions. */
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import process from "node:process";
import * as z from "zod";
import { DoctorCheck, DoctorReply } from "../protocol/requests.ts";
import { demand, localConfig, read, refusalOf, type Answered } from "./client.ts";
import { harmless } from "../lib/harmless.ts";
import { clockTime, CliError, print, printJson, printTable, remark } from "./output.ts";
import { isFailure, printChecks } from "./server-checks.ts";

interface Json {
  readonly json?: boolean;
}

export interface AddOptions extends Json {
  readonly workRoot?: string;
  readonly slots: number;
  readonly label?: readonly string[];
  readonly identity?: string;
  readonly jump?: string;
  readonly via: string;
  readonly accept?: readonly string[];
}

/** Uploading, connecting and examining over a slow line. */
const SLOW_MS = 200_000;

export async function add(name: string, target: string, options: AddOptions): Promise<void> {
  const { workRoot = null, slots, label = [], jump = null, via, json } = options;
  // The server works in another directory than the person at the keyboard.
  const identity = options.identity === undefined ? null : resolve(options.identity);
  const machine = { name, target, workRoot, slots, labels: label, identity, jump, via };
  printAdded(name, await vouched("/runners", machine, options.accept), json);
}

export async function online(
  name: string,
  { json, accept }: Json & { readonly accept?: readonly string[] },
): Promise<void> {
  printAdded(name, await vouched(`/runners/${encodeURIComponent(name)}/online`, {}, accept), json);
}

/** Asks for keys that nobody has vouched for: the machine's, and before it that of the one that leads there. */
async function vouched(
  path: string,
  body: object,
  known: readonly string[] = [],
): Promise<Answered> {
  const accept = [...known];
  for (let round = 0; round < 3; round += 1) {
    const answered = await send("POST", path, { ...body, accept });
    const unknown = Unknown.safeParse(answered.body);
    if (answered.status !== 428 || !unknown.success) return answered;
    accept.push(...(await accepted(unknown.data.keys)));
  }
  throw new CliError("the machine shows another key with every look");
}

const Unknown = z.object({
  kind: z.literal("unknown-key"),
  keys: z.array(z.object({ place: z.string(), type: z.string(), fingerprint: z.string() })),
});
type Keys = z.infer<typeof Unknown>["keys"];

/** Asks the person at the terminal; where there is none, says what to give. */
async function accepted(keys: Keys): Promise<readonly string[]> {
  for (const { place, type, fingerprint } of keys)
    remark(`${place} has the ${type} key ${fingerprint}`);
  const prints = keys.map(({ fingerprint }) => fingerprint);
  const hint = prints.map((one) => `--accept ${one}`).join(" ");
  if (!process.stdin.isTTY)
    throw new CliError(
      `compare it on the machine (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then run this again with ${hint}`,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question("Is it the machine you mean? Its key is pinned. [y/N] ");
    if (!/^y(?:es)?$/iu.test(answer.trim())) throw new CliError("not registered");
    return prints;
  } finally {
    terminal.close();
  }
}

const Added = z.object({
  kind: z.literal("added"),
  state: z.string(),
  checks: z.array(DoctorCheck),
});

function printAdded(name: string, { body }: Answered, json = false): void {
  const { state, checks } = Added.parse(body);
  if (json) printJson(body);
  else {
    printChecks(checks);
    print(
      state === "online"
        ? `${name} is online`
        : `${name} is ${state}: mend what failed, then: orcha runner online ${name}`,
    );
  }
  if (state !== "online") process.exitCode = 1;
}

const View = z.object({
  name: z.string(),
  kind: z.string(),
  state: z.string(),
  slots: z.number(),
  taken: z.array(z.number()),
  labels: z.array(z.string()),
  problem: z.string().nullable(),
  reach: z.string().optional(),
  since: z.number().optional(),
  hostKey: z.string().nullable(),
  address: z
    .object({
      user: z.string(),
      host: z.string(),
      port: z.number(),
      via: z.string().default("library"),
    })
    .nullable(),
  link: z.string().optional(),
  linkProblem: z.string().nullable().optional(),
  sessions: z.array(z.string()).optional(),
});
type View = z.infer<typeof View>;

const whereOf = ({ address }: View): string =>
  address === null
    ? "this machine"
    : `${address.user}@${address.host}:${address.port}${address.via === "ssh" ? " by ssh" : ""}`;

const views = async (): Promise<readonly View[]> =>
  z.array(View).parse(await read<unknown>("/runners", (reading) => reading.runners()));

export async function list({ json = false }: Json): Promise<void> {
  const found = await views();
  if (json) return printJson(found);
  if (found.length === 0)
    return print("no runner is registered; orcha runner add NAME ssh://user@host");
  printTable(
    ["NAME", "STATE", "LINK", "SLOTS", "WHERE", "LABELS", "PROBLEM"],
    found.map((one) => [
      one.name,
      one.state,
      reachWords(one) ?? one.link ?? "–",
      `${one.taken.length}/${one.slots}`,
      whereOf(one),
      one.labels.join(" ") || "–",
      (one.problem ?? one.linkProblem ?? "").slice(0, 100),
    ]),
  );
}

/** null = it answers, as far as anybody knows. */
const reachWords = ({ reach, since = 0 }: View): string | null =>
  reach === undefined ? null : `${reach} since ${clockTime(since)}`;

export async function show(name: string, { json = false }: Json): Promise<void> {
  const found = (await views()).find((one) => one.name === name);
  if (found === undefined)
    throw new CliError(`there is no runner ${name}; orcha runner list shows them`, 4);
  if (json) return printJson(found);
  const rows: readonly (readonly [string, string])[] = [
    ["where", whereOf(found)],
    ["state", found.problem === null ? found.state : `${found.state}: ${found.problem}`],
    [
      "link",
      [found.link ?? "no server is running", reachWords(found) ?? "", found.linkProblem ?? ""]
        .filter((part) => part !== "")
        .join(": "),
    ],
    ["slots", `${found.taken.length} of ${found.slots} taken`],
    ["labels", found.labels.join(" ") || "none"],
    ["host key", found.hostKey ?? "none"],
    ["sessions", found.sessions?.join(" ") || "none"],
  ];
  for (const [what, value] of rows) print(`${`${what}:`.padEnd(10)} ${harmless(value)}`);
}

export async function examine(name: string, { json = false }: Json): Promise<void> {
  const { body } = await send("GET", `/runners/${encodeURIComponent(name)}/doctor`);
  const { checks } = DoctorReply.parse(body);
  if (json) printJson(checks);
  else printChecks(checks);
  if (checks.some(isFailure)) process.exitCode = 1;
}

export const drain = (name: string, options: Json): Promise<void> =>
  change("POST", name, "drain", `${name} takes no new sessions; what runs there runs on`, options);

export const disable = (name: string, options: Json): Promise<void> =>
  change("POST", name, "disable", `${name} takes no sessions; its processes are stopped`, options);

export const remove = (name: string, options: Json): Promise<void> =>
  change("DELETE", name, "", `${name} is removed; what is on the machine stays there`, options);

async function change(
  method: "POST" | "DELETE",
  name: string,
  what: string,
  said: string,
  { json = false }: Json,
): Promise<void> {
  const path = ["/runners", encodeURIComponent(name), ...(what === "" ? [] : [what])].join("/");
  const { body } = await send(method, path);
  if (json) printJson(body);
  else print(said);
}

const Ran = z.object({ code: z.number().nullable(), stdout: z.string(), stderr: z.string() });

/** Its output is the machine's own: shown as it is, but for control characters. */
export async function execute(name: string, argv: readonly string[]): Promise<void> {
  const { body } = await send("POST", `/runners/${encodeURIComponent(name)}/exec`, { argv });
  const { code, stdout, stderr } = Ran.parse(body);
  process.stdout.write(plain(stdout));
  process.stderr.write(plain(stderr));
  process.exitCode = code ?? 1;
}

const plain = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, "");

async function send(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<Answered> {
  const answered = await demand(localConfig(), method, path, { timeoutMs: SLOW_MS, body });
  if (answered.status < 300 || answered.status === 428) return answered;
  const { status } = answered;
  throw new CliError(refusalOf(answered), status === 404 ? 4 : status === 400 ? 2 : 1);
}
