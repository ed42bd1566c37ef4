/** Reads lists of values as Consul's key/value store gives them. */
import type { ConsulAnswer } from "./consul-client.ts";

/** A value with its key. */
export interface ReadValue {
  readonly key: string;
  readonly text: string;
  /** Grows with every write. */
  readonly version: string;
}

/** The values of an answer, in their order; null if it holds something else. A key that is not there is no value. */
export function readValues({ body }: ConsulAnswer): ReadValue[] | null {
  if (body === null) return [];
  if (!Array.isArray(body)) return null;
  const values: ReadValue[] = [];
  for (const entry of body as unknown[]) {
    if (typeof entry !== "object" || entry === null) return null;
    const { Key: key, Value: value, ModifyIndex: index } = entry as Readonly<Record<string, unknown>>;
    if (typeof key !== "string" || typeof index !== "number" || (typeof value !== "string" && value !== null))
      return null;
    values.push({ key, text: Buffer.from(value ?? "", "base64").toString("utf8"), version: String(index) });
  }
  return values;
}
