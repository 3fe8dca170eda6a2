/** What sessions have spent: told by agents at the end of each turn, added up, and shown when there is anything. */
import type { Objective, Session, Usage } from "./objective.ts";
import type { Step } from "./step.ts";

export function spend(step: Step, { id }: Session, usage: Usage): void {
  for (const { spent } of step.objective.sessions.filter((one) => one.id === id))
    step.changeSession(id, { spent: spent === undefined ? usage : sum(spent, usage) });
}

function sum(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costUsd: a.costUsd === null && b.costUsd === null ? null : (a.costUsd ?? 0) + (b.costUsd ?? 0),
  };
}

/** Of all its sessions; null = nothing is known. */
export function spentOn({ sessions }: Objective): Usage | null {
  const known = sessions.flatMap(({ spent }) => (spent === undefined ? [] : [spent]));
  return known.length === 0 ? null : known.reduce(sum);
}

/** "1.2 M tokens, $3.40". */
export function usageWords({ inputTokens, cachedTokens, outputTokens, costUsd }: Usage): string {
  const tokens = `${short(inputTokens + cachedTokens + outputTokens)} tokens`;
  return costUsd === null ? tokens : `${tokens}, $${costUsd.toFixed(2)}`;
}

function short(count: number): string {
  if (count >= 1_000_000) return `${(count / 1_000_000).toFixed(1)} M`;
  return count >= 1_000 ? `${Math.round(count / 1_000)} k` : String(count);
}
