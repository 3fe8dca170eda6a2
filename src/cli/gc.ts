/** `orcha gc`: frees runners' disks now, and explains every checkout that stays. */
import * as z from "zod";
import { demand, localConfig, refusalOf } from "./client.ts";
import { CliError, print, printJson, printTable, remark } from "./output.ts";
import { sizeText } from "./sizes.ts";

const Backup = z.object({
  directory: z.string(),
  ref: z.string(),
  sha: z.string(),
  base: z.string(),
  at: z.number(),
});

const Cleared = z.object({
  lines: z.array(
    z.object({
      runner: z.string(),
      path: z.string(),
      bytes: z.number().nullable(),
      verdict: z.enum(["keep", "examine", "back-up", "delete"]),
      reason: z.string(),
      outcome: z.enum(["kept", "deleted", "would-delete", "failed"]),
      backup: Backup.nullable(),
    }),
  ),
  freedBytes: z.number(),
  silent: z.array(z.object({ runner: z.string(), reason: z.string() })),
  backups: z.array(Backup),
});

/** Hundreds of checkouts with a bundle each. */
const GC_MS_MAX = 30 * 60_000;

export async function gc(
  runner: string | undefined,
  { dryRun = false, json = false }: { readonly dryRun?: boolean; readonly json?: boolean },
): Promise<void> {
  const query = new URLSearchParams({ dryRun: String(dryRun) });
  if (runner !== undefined) query.set("runner", runner);
  const answered = await demand(localConfig(), "POST", `/gc?${query.toString()}`, {
    timeoutMs: GC_MS_MAX,
  });
  if (answered.status !== 200) throw new CliError(refusalOf(answered));
  const { lines, freedBytes, silent, backups } = Cleared.parse(answered.body);
  if (json) return printJson({ lines, freedBytes, silent, backups });
  if (lines.length > 0)
    printTable(
      ["RUNNER", "CHECKOUT", "SIZE", "OUTCOME", "WHY"],
      lines.map((one) => [
        one.runner,
        one.path,
        one.bytes === null ? "?" : sizeText(one.bytes),
        outcomeText(one.outcome, one.verdict),
        one.reason,
      ]),
    );
  for (const one of silent) remark(`${one.runner} could not be asked: ${one.reason}`);
  for (const { backup } of lines)
    if (backup !== null)
      print(`kept: git fetch ${backup.directory} ${backup.ref}:refs/heads/rescued`);
  const gone = lines.filter(({ outcome }) => outcome === "deleted").length;
  const would = lines.filter(({ outcome }) => outcome === "would-delete");
  const wouldBytes = would.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  print(
    dryRun
      ? `${would.length} of ${lines.length} checkouts would go, ${sizeText(wouldBytes)}; nothing was changed`
      : `${gone} of ${lines.length} checkouts are gone, ${sizeText(freedBytes)}`,
  );
}

function outcomeText(outcome: string, verdict: string): string {
  if (outcome === "would-delete")
    return verdict === "back-up" ? "would be kept elsewhere, then go" : "would go";
  return outcome === "deleted" ? "gone" : outcome === "failed" ? "stays (failed)" : "stays";
}
