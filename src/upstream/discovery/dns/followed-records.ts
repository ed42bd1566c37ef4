/**
 * The records of one question as they are known: what was found last, and what cannot be taken for gone yet. A name
 * server may send a part of what there is without saying so (Consul does, over UDP): what is missing is asked for again
 * over TCP, and kept for a while after it was last seen, if that is wanted.
 */
import type { DnsWay } from "../../../remote/dns/dns-client.ts";
import type { DnsQuestion, DnsRecord } from "../../../remote/dns/dns-message.ts";
import { type Finding, findRecords, type RecordAsker } from "./record-finding.ts";

/** What following is given beside a name. */
export interface FollowingOptions {
  /** How long a record is kept after it was last in an answer, in milliseconds. */
  readonly unseenMs: number;
  readonly now: () => number;
}

interface KnownRecord {
  readonly record: DnsRecord;
  readonly seenMs: number;
}

/** Follows one question. */
export class FollowedRecords {
  readonly #question: DnsQuestion;
  readonly #options: FollowingOptions;
  #known = new Map<string, KnownRecord>();
  #way: DnsWay = "udp";

  constructor(question: DnsQuestion, options: FollowingOptions) {
    this.#question = question;
    this.#options = options;
  }

  /** Those of the last answers; a failure leaves them as they are. */
  get records(): readonly DnsRecord[] {
    return [...this.#known.values()].map(({ record }) => record);
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#known.clear();
  }

  /** Asks again. Never rejects. */
  async refresh(asker: RecordAsker): Promise<Finding> {
    const finding = await findRecords(asker, this.#question, this.#way);
    if (finding.kind === "absent") this.forget();
    return finding.kind === "found" ? this.#take(asker, finding) : finding;
  }

  async #take(asker: RecordAsker, found: Extract<Finding, { kind: "found" }>): Promise<Finding> {
    const seen = new Map(found.records.map((record) => [keyOf(record), record]));
    let answer = found;
    let canDrop = true;
    if (this.#way === "udp" && [...this.#known.keys()].some((key) => !seen.has(key))) {
      const whole = await findRecords(asker, this.#question, "tcp");
      // If the question cannot be asked over TCP, nobody can say that something is gone; the next answer may.
      canDrop = whole.kind !== "failed";
      if (whole.kind === "found") {
        answer = whole;
        for (const record of whole.records) {
          if (seen.has(keyOf(record))) continue;
          seen.set(keyOf(record), record);
          // Datagrams carry a part.
          this.#way = "tcp";
        }
      }
    }
    const nowMs = this.#options.now();
    const next = new Map<string, KnownRecord>();
    for (const [key, record] of seen) next.set(key, { record, seenMs: nowMs });
    for (const [key, known] of this.#known)
      if (!next.has(key) && (!canDrop || nowMs - known.seenMs < this.#options.unseenMs)) next.set(key, known);
    this.#known = next;
    return { ...answer, records: this.records };
  }
}

function keyOf({ type, value, port, priority, weight }: DnsRecord): string {
  return type === "SRV" ? `${priority} ${weight} ${port} ${value}` : value;
}
