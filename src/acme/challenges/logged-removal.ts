/** A proof that cannot be taken away is told, and is no reason to throw away a certificate that was issued with it. */
import type { Logger } from "../../observe/logger.ts";
import type { ChallengeSolver } from "./challenge.ts";

/** The same, but for `remove`, which never rejects. */
export function withLoggedRemoval(solver: ChallengeSolver, logger: Logger): ChallengeSolver {
  return {
    ...solver,
    remove: async (challenge) => {
      try {
        await solver.remove(challenge);
      } catch (error) {
        logger.warn("a proof for a certificate authority could not be taken away", { name: challenge.name, error });
      }
    },
  };
}
