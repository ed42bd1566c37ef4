/** Whether a signal that a container was sent is one that ends it: others reload its configuration or write its logs. */
import { constants } from "node:os";

const numbers = constants.signals as Readonly<Record<string, number | undefined>>;

/** `15`, `TERM` or `SIGTERM` as a number; null if there is no such signal. */
function signalNumber(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const name = text.toUpperCase();
  return numbers[name.startsWith("SIG") ? name : `SIG${name}`] ?? null;
}

/**
 * Does `signal` end the container?
 * @param stopSignal what the container is asked to end by; null = not known
 * @returns null if that depends on what is not known
 */
export function endsContainer(signal: string, stopSignal: string | null): boolean | null {
  const number = signalNumber(signal);
  if (number === numbers["SIGTERM"] || number === numbers["SIGKILL"]) return true;
  if (number === null) return false;
  return stopSignal === null ? null : number === signalNumber(stopSignal);
}
