/** Finds the records of a question: aliases are followed, and an absence is told from a failure. */
import { DnsError, type DnsWay } from "../../../remote/dns/dns-client.ts";
import type { DnsMessage, DnsQuestion, DnsRecord } from "../../../remote/dns/dns-message.ts";

/** Who is asked: a `DnsClient`. */
export interface RecordAsker {
  ask(question: DnsQuestion, way?: DnsWay): Promise<DnsMessage>;
}

/** What is known of a question after it was asked. */
export type Finding =
  | {
      readonly kind: "found";
      readonly records: readonly DnsRecord[];
      readonly ttlMs: number;
      /** What else the answer says: the addresses of targets. */
      readonly extras: readonly DnsRecord[];
    }
  | {
      readonly kind: "absent";
      /** There is no such name, so no record of another kind either (RFC 8020). */
      readonly hasNoName: boolean;
      readonly ttlMs: number;
    }
  | { readonly kind: "failed"; readonly error: DnsError };

/** The longest chain of aliases. */
const maxAliases = 16;
/** How long an absence holds if the answer does not say it. */
const absentTtlMs = 5_000;

/** Asks, and asks for the name that an alias stands for if that is not in the same answer. Never rejects. */
export async function findRecords(asker: RecordAsker, question: DnsQuestion, way: DnsWay): Promise<Finding> {
  let { name } = question;
  let ttlMs = Infinity;
  for (let left = maxAliases; left > 0; left--) {
    let answer: DnsMessage;
    try {
      answer = await asker.ask({ name, type: question.type }, way);
    } catch (error) {
      if (error instanceof DnsError) return { kind: "failed", error };
      throw error;
    }
    const end = followAliases(answer, name);
    ttlMs = Math.min(ttlMs, end.ttlMs);
    const records = answer.answers.filter(({ owner, type }) => owner === end.name && type === question.type);
    if (records.length > 0)
      return { kind: "found", records, ttlMs: Math.min(ttlMs, shortestMs(records)), extras: answer.extras };
    const absence = answer.authorities.filter(({ type }) => type === "SOA");
    if (answer.malformedCount > 0)
      return { kind: "failed", error: new DnsError("failed", `the records of ${name} are malformed`) };
    if (answer.code === 3 || end.name === name || absence.length > 0)
      return {
        kind: "absent",
        hasNoName: answer.code === 3,
        ttlMs: absence.length > 0 ? shortestMs(absence) : absentTtlMs,
      };
    name = end.name;
  }
  return { kind: "failed", error: new DnsError("failed", `${question.name} is an alias of an alias without end`) };
}

/** The name at the end of the aliases that the answer has for `name`. */
function followAliases({ answers }: DnsMessage, name: string): { readonly name: string; readonly ttlMs: number } {
  const aliases = new Map(answers.filter(({ type }) => type === "CNAME").map((record) => [record.owner, record]));
  let end = name;
  let ttlMs = Infinity;
  for (let alias = aliases.get(end); alias !== undefined; alias = aliases.get(end)) {
    // Each is followed once: a circle ends.
    aliases.delete(end);
    end = alias.value;
    ttlMs = Math.min(ttlMs, alias.ttl * 1_000);
  }
  return { name: end, ttlMs };
}

/** How long all of them hold. */
export function shortestMs(records: readonly DnsRecord[]): number {
  return records.reduce((shortest, { ttl }) => Math.min(shortest, ttl * 1_000), Infinity);
}
