/** What a store says if it cannot be asked: which one, and why. */
import { AcmeError } from "../client/acme-error.ts";

/** @throws AcmeError of the type `network`, in place of any error */
export async function askingIn<Value>(place: string, answer: Promise<Value>): Promise<Value> {
  try {
    return await answer;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AcmeError({ type: "network", detail: `the store in ${place}: ${why}`, cause: error });
  }
}
