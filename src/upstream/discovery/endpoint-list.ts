/** Lists of endpoints as files and URLs give them, and what is said of the records in a list that are none. */
import type { ListedEndpoint } from "../endpoint-source.ts";
import { maxDiscoveredEndpoints } from "./discovery.ts";
import { readEndpointRecord, type RecordRules } from "./endpoint-record.ts";

/** So many sentences about records are kept; the others are counted. */
const maxSentences = 20;

/** The endpoints of a list, and why other records were left out. */
export interface EndpointList {
  readonly endpoints: readonly ListedEndpoint[];
  /** Sentences, bounded in number. */
  readonly refused: readonly string[];
}

/** Puts a list together, record for record, within bounds. */
export class EndpointCollector implements EndpointList {
  readonly endpoints: ListedEndpoint[] = [];
  readonly #sentences: string[] = [];
  #refusedCount = 0;
  /** Endpoints beyond what one source may list. */
  #excess = 0;

  /** Takes an endpoint, or the sentence that says why a record is none. */
  add(record: ListedEndpoint | string): void {
    if (typeof record === "string") this.#refuse(record);
    else if (this.endpoints.length >= maxDiscoveredEndpoints) this.#excess++;
    else this.endpoints.push(record);
  }

  /** How many records are none. */
  get refusedCount(): number {
    return this.#refusedCount + this.#excess;
  }

  get refused(): readonly string[] {
    const others = this.#refusedCount - this.#sentences.length;
    return [
      ...this.#sentences,
      ...(others === 0 ? [] : [`${others} more records are left out`]),
      ...(this.#excess === 0
        ? []
        : [`a list has at most ${maxDiscoveredEndpoints} endpoints; ${this.#excess} more are left out`]),
    ];
  }

  #refuse(sentence: string): void {
    this.#refusedCount++;
    if (this.#sentences.length < maxSentences) this.#sentences.push(sentence);
  }
}

/**
 * Reads a list of records, or an object whose `endpoints` is one.
 * @returns the list; or a sentence if it is none, or if not one of its records is an endpoint
 */
export function readEndpointList(value: unknown, rules: RecordRules = {}): EndpointList | string {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const records = isObject ? (value as Readonly<Record<string, unknown>>)["endpoints"] : value;
  if (!Array.isArray(records)) return 'this is neither a list of endpoints nor an object with a list "endpoints"';
  const list = new EndpointCollector();
  for (const record of records as unknown[]) list.add(readEndpointRecord(record, rules));
  if (list.endpoints.length === 0 && list.refusedCount > 0)
    return `none of the records (${list.refusedCount}) is an endpoint: ${list.refused[0] ?? ""}`;
  return list;
}
