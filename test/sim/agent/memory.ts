/** What a modelled agent keeps on its runner's disk between attempts of one session. */

export interface TakenMessage {
  readonly uuid: string;
  readonly text: string;
}

export interface AgentMemory {
  /** Every message ever taken, once per uuid, in order. */
  readonly taken: TakenMessage[];
  /** How many of them were dealt with. */
  done: number;
  /** Answers to questions that came as results of calls. */
  readonly answers: string[];
  readonly flags: Map<string, number>;
  calls: number;
}

export function memoryOf(memories: Map<string, AgentMemory>, session: string): AgentMemory {
  const known = memories.get(session);
  if (known !== undefined) return known;
  const memory: AgentMemory = { taken: [], done: 0, answers: [], flags: new Map(), calls: 0 };
  memories.set(session, memory);
  return memory;
}
