/** What calls to GitHub cost of its limits. */
export interface Cost {
  /** GitHub's points: a read 1, a write 5. */
  readonly points: number;
  readonly write: boolean;
  /** Makes or changes what people read. GitHub does not say exactly what it counts: all but removing and resolving is. */
  readonly content: boolean;
}

/** The App itself has limits of its own, besides those of its installations, whose ids begin with 1. */
export const APP = 0;

export const READ: Cost = { points: 1, write: false, content: false };
/** A request that changes nothing that people see, such as minting a token. */
export const ADMIN: Cost = { points: 5, write: false, content: false };
export const WRITE: Cost = { points: 5, write: true, content: false };
export const CONTENT: Cost = { points: 5, write: true, content: true };
