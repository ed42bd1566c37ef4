/** A source of endpoints that a test speaks through. */
import { parseEndpointAddress } from "../../src/upstream/endpoint-address.ts";
import type { EndpointSource, ListedEndpoint } from "../../src/upstream/endpoint-source.ts";

/** An endpoint as a test writes it; its weight is 1 unless that says otherwise. */
export type Written = string | { readonly url: string; readonly weight: number };

/** The list that a source gives for `written`. */
export function toList(written: readonly Written[]): ListedEndpoint[] {
  return written.map((one) => {
    const { url, weight } = typeof one === "string" ? { url: one, weight: 1 } : one;
    return { ...parseEndpointAddress(url), weight, backup: false, zone: null, identity: null };
  });
}

/** Gives the list that it was told last. */
export class ToldEndpoints implements EndpointSource {
  endpoints: readonly ListedEndpoint[];
  isClosed = false;
  #onChange: () => void = () => {};

  constructor(written: readonly Written[]) {
    this.endpoints = toList(written);
  }

  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Makes `written` the list. */
  tell(written: readonly Written[]): void {
    this.endpoints = toList(written);
    this.#onChange();
  }

  close(): void {
    this.isClosed = true;
  }
}
