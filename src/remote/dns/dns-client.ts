/**
 * Asks name servers, one after the other until one answers. `node:dns` does that, too, but neither says how long SRV
 * records hold nor what else an answer says (the additional section, how long an absence holds).
 */
import type { Scheduler } from "../../base/scheduler.ts";
import { systemRandomBytes } from "../../base/system-random.ts";
import { type DnsMessage, type DnsQuestion, isAnswerTo, readAnswer, writeQuestion } from "./dns-message.ts";
import type { DnsServer } from "./dns-server.ts";
import { askOverTcp, askOverUdp, type DnsExchange, type DnsOutcome, type DnsQuery } from "./dns-transport.ts";

/** What a client is given. */
export interface DnsClientOptions {
  /** In the order in which they are asked. */
  readonly servers: readonly DnsServer[];
  /** How long to wait for one, in milliseconds. */
  readonly timeoutMs: number;
  /** How often each is asked. */
  readonly attempts: number;
  readonly scheduler: Scheduler;
}

/** A question that got no answer. The message is a sentence for people. */
export class DnsError extends Error {
  /** `silent`: no name server said anything; `failed`: one did, but not whether there are such records. */
  readonly kind: "silent" | "failed" | "closed";

  constructor(kind: DnsError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** How a question is asked: `udp` turns to TCP by itself if the answer does not fit. */
export type DnsWay = "udp" | "tcp";

/** A name server that did not answer is asked after the others for this long. */
const avoidMs = 30_000;
const codeNames = new Map([
  [1, "FORMERR"],
  [2, "SERVFAIL"],
  [4, "NOTIMP"],
  [5, "REFUSED"],
]);

/** Asks the name servers of one set of settings. */
export class DnsClient {
  readonly #options: DnsClientOptions;
  readonly #avoidedUntilMs = new Map<DnsServer, number>();
  readonly #underWay = new Set<DnsExchange>();
  #isClosed = false;

  constructor(options: DnsClientOptions) {
    this.#options = options;
  }

  /**
   * Asks until a name server says what there is: records, that there are none, or that there is no such name.
   * @throws DnsError if none does
   */
  async ask(question: DnsQuestion, way: DnsWay = "udp"): Promise<DnsMessage> {
    let failure: DnsError | null = null;
    const hasFailed = new Set<DnsServer>();
    for (let attempt = 0; attempt < this.#options.attempts; attempt++) {
      for (const server of this.#inOrder()) {
        if (hasFailed.has(server)) continue;
        const answer = await this.#askServer(server, question, way);
        if (this.#isClosed) throw new DnsError("closed", "closed");
        if (!(answer instanceof DnsError)) return answer;
        if (answer.kind === "failed") hasFailed.add(server);
        if (failure === null || answer.kind === "failed") failure = answer;
      }
    }
    throw failure ?? new DnsError("silent", "there is no name server to ask");
  }

  /** Ends what is under way; it fails. */
  close(): void {
    this.#isClosed = true;
    for (const exchange of [...this.#underWay]) exchange.cancel();
  }

  #inOrder(): readonly DnsServer[] {
    const nowMs = this.#options.scheduler.clock.now();
    const isAvoided = (server: DnsServer): boolean => (this.#avoidedUntilMs.get(server) ?? -Infinity) > nowMs;
    const { servers } = this.#options;
    return [...servers.filter((server) => !isAvoided(server)), ...servers.filter(isAvoided)];
  }

  async #askServer(server: DnsServer, question: DnsQuestion, way: DnsWay): Promise<DnsMessage | DnsError> {
    let answer = await this.#exchange(server, question, { way, form: "edns" });
    // RFC 6891 section 7: a server that does not know EDNS may refuse the whole question.
    if (!(answer instanceof DnsError) && (answer.code === 1 || answer.code === 4 || answer.code === 16))
      answer = await this.#exchange(server, question, { way, form: "plain" });
    if (answer instanceof DnsError) {
      if (answer.kind === "silent") this.#avoidedUntilMs.set(server, this.#options.scheduler.clock.now() + avoidMs);
      return answer;
    }
    this.#avoidedUntilMs.delete(server);
    if (answer.code === 0 || answer.code === 3) return answer;
    return toFailure(server, `answered ${codeNames.get(answer.code) ?? `with code ${answer.code}`}`);
  }

  async #exchange(
    server: DnsServer,
    question: DnsQuestion,
    { way, form }: { readonly way: DnsWay; readonly form: "edns" | "plain" },
  ): Promise<DnsMessage | DnsError> {
    const id = systemRandomBytes(2).readUInt16BE(0);
    const query: DnsQuery = {
      server,
      bytes: writeQuestion(id, question, form),
      isAnswer: (message) => isAnswerTo(message, id, question),
      timeoutMs: this.#options.timeoutMs,
      scheduler: this.#options.scheduler,
    };
    const outcome = await this.#run(way === "udp" ? askOverUdp : askOverTcp, query);
    const answer = outcome.kind === "answer" ? readAnswer(outcome.message) : null;
    if (answer !== null && !answer.isTruncated) return answer;
    // A part of the records is no answer, and what somebody may have guessed is none either.
    if (way === "udp" && (answer?.isTruncated === true || outcome.kind === "doubtful"))
      return this.#exchange(server, question, { way: "tcp", form });
    if (outcome.kind === "silent") return new DnsError("silent", `name server ${server.text} does not answer`);
    if (outcome.kind === "unreachable")
      return new DnsError("silent", `name server ${server.text} cannot be reached: ${outcome.code}`);
    if (outcome.kind === "closed") return new DnsError("closed", "closed");
    return toFailure(server, "sent a malformed answer");
  }

  async #run(ask: (query: DnsQuery) => DnsExchange, query: DnsQuery): Promise<DnsOutcome> {
    if (this.#isClosed) return { kind: "closed" };
    const exchange = ask(query);
    this.#underWay.add(exchange);
    try {
      return await exchange.outcome;
    } finally {
      this.#underWay.delete(exchange);
    }
  }
}

function toFailure(server: DnsServer, what: string): DnsError {
  return new DnsError("failed", `name server ${server.text} ${what}`);
}
