/**
 * The addresses of one name. A and AAAA are asked for together and make one list: if one of the two cannot be asked for,
 * its part stays as it was.
 */
import type { DnsError } from "../../../remote/dns/dns-client.ts";
import type { RecordType } from "../../../remote/dns/dns-message.ts";
import { FollowedRecords, type FollowingOptions } from "./followed-records.ts";
import type { Finding, RecordAsker } from "./record-finding.ts";

/** What came of a round of questions. */
export type RoundOutcome =
  | {
      readonly kind: "found";
      readonly ttlMs: number;
      /** What could not be asked for, and is as it was before: sentences. */
      readonly failures: readonly string[];
    }
  | { readonly kind: "absent"; readonly hasNoName: boolean; readonly ttlMs: number }
  | { readonly kind: "failed"; readonly error: DnsError };

/** What is incomplete is asked for again after this time. */
export const partialTtlMs = 5_000;

/** Follows the addresses of a name. */
export class FollowedHost {
  readonly #name: string;
  readonly #families: readonly FollowedRecords[];

  constructor(name: string, types: readonly RecordType[], options: FollowingOptions) {
    this.#name = name;
    this.#families = types.map((type) => new FollowedRecords({ name, type }, options));
  }

  /** All that are known, each once, in the order of their families. */
  get addresses(): readonly string[] {
    return [...new Set(this.#families.flatMap(({ records }) => records.map(({ value }) => value).toSorted()))];
  }

  /** Asks again. Never rejects. */
  async refresh(asker: RecordAsker): Promise<RoundOutcome> {
    const findings = await Promise.all(this.#families.map((family) => family.refresh(asker)));
    const found = findings.filter((one) => one.kind === "found");
    const failed = findings.filter((one) => one.kind === "failed");
    const absent = findings.filter((one) => one.kind === "absent");
    const hasNoName = absent.some((one) => one.hasNoName);
    if (found.length === 0 && (hasNoName || failed.length === 0)) {
      for (const family of this.#families) family.forget();
      return { kind: "absent", hasNoName, ttlMs: shortest(absent) };
    }
    const isHalfKnown = absent.length > 0 && this.addresses.length > 0;
    if (found.length === 0 && !isHalfKnown) return { kind: "failed", error: failed[0]!.error };
    return {
      kind: "found",
      ttlMs: Math.min(shortest(found), failed.length > 0 ? partialTtlMs : Infinity),
      failures: failed.map(({ error }) => `a part of the addresses of ${this.#name} is not known: ${error.message}`),
    };
  }
}

function shortest(findings: readonly Exclude<Finding, { kind: "failed" }>[]): number {
  return findings.reduce((least, { ttlMs }) => Math.min(least, ttlMs), Infinity);
}
