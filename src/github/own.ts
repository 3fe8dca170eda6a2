/** Who we are is asked of GitHub, too, once: like everything else not while it is down, or said that it is too much. */
import { PortError } from "../engine/ports.ts";
import type { Auth } from "./auth.ts";
import type { Breaker } from "./breaker.ts";
import type { Pacing } from "./pacing.ts";

export const heedful = (
  auth: Auth,
  { breaker, pacing }: { readonly breaker: Breaker | undefined; readonly pacing: Pacing },
): Auth => ({
  ...auth,
  async own(repository) {
    if (auth.ownNow().botId === undefined) {
      breaker?.check();
      const { pausedMs } = pacing.budget(repository.installation);
      if (pausedMs > 0)
        throw new PortError("rate-limited", "GitHub said that it is too much", {
          retryAfterMs: pausedMs,
        });
    }
    return auth.own(repository);
  },
});
