/**
 * One question to one name server: a datagram from a port of its own, or a connection of its own. The socket for
 * datagrams is connected, so that the system drops what others send; what comes from the right address and is no
 * answer to the question is ignored, for it may be forged (RFC 5452).
 */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { ipVersion } from "../../base/ip-address.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import type { DnsServer } from "./dns-server.ts";

/** What is asked, and of whom. */
export interface DnsQuery {
  readonly server: DnsServer;
  readonly bytes: Buffer;
  /** Is a message the answer? */
  readonly isAnswer: (message: Buffer) => boolean;
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
}

/**
 * The answer, or why there is none: `silent`: nothing came in time; `unreachable`: the system says so, with its error
 * code; `doubtful`: so many wrong answers came that somebody may be guessing (RFC 5452 section 9.3); `malformed`: what
 * came over a connection is no answer; `closed`: called off.
 */
export type DnsOutcome =
  | { readonly kind: "answer"; readonly message: Buffer }
  | { readonly kind: "silent" | "doubtful" | "malformed" | "closed" }
  | { readonly kind: "unreachable"; readonly code: string };

/** A question under way. */
export interface DnsExchange {
  readonly outcome: Promise<DnsOutcome>;
  /** Calls it off; harmless when it is over. */
  cancel(): void;
}

/** So many wrong answers are ignored before the question is given up. */
const maxWrongAnswers = 20;

/** Asks with a datagram. */
export function askOverUdp(query: DnsQuery): DnsExchange {
  const { server, bytes, isAnswer } = query;
  const socket = createSocket(ipVersion(server.address) === 6 ? "udp6" : "udp4");
  let wrongCount = 0;
  const exchange = openExchange(query, () => socket.close());
  socket.on("message", (message) => {
    if (isAnswer(message)) exchange.end({ kind: "answer", message });
    else if (++wrongCount === maxWrongAnswers) exchange.end({ kind: "doubtful" });
  });
  socket.on("error", (error) => exchange.end(toUnreachable(error)));
  socket.on("connect", () => socket.send(bytes));
  socket.connect(server.port, server.address);
  return exchange;
}

/** Asks over a connection: for answers that fit no datagram. */
export function askOverTcp(query: DnsQuery): DnsExchange {
  const { server, bytes, isAnswer } = query;
  const socket = connect(server.port, server.address);
  let received: Buffer = Buffer.alloc(0);
  const exchange = openExchange(query, () => socket.destroy());
  socket.on("connect", () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    socket.write(Buffer.concat([length, bytes]));
  });
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (received.length < 2) return;
    const end = 2 + received.readUInt16BE(0);
    if (received.length < end) return;
    const message = received.subarray(2, end);
    exchange.end(isAnswer(message) ? { kind: "answer", message } : { kind: "malformed" });
  });
  socket.on("error", (error) => exchange.end(toUnreachable(error)));
  socket.on("end", () => exchange.end({ kind: "malformed" }));
  return exchange;
}

interface OpenExchange extends DnsExchange {
  end(outcome: DnsOutcome): void;
}

/** The first outcome counts, also that nothing came in time; then the socket is let go. */
function openExchange({ timeoutMs, scheduler }: DnsQuery, letGo: () => void): OpenExchange {
  let settle: (outcome: DnsOutcome) => void = () => {};
  const outcome = new Promise<DnsOutcome>((resolve) => {
    settle = resolve;
  });
  let isOver = false;
  const end = (result: DnsOutcome): void => {
    if (isOver) return;
    isOver = true;
    patience.cancel();
    letGo();
    settle(result);
  };
  const patience = scheduler.after(timeoutMs, () => end({ kind: "silent" }));
  return { outcome, end, cancel: () => end({ kind: "closed" }) };
}

function toUnreachable(error: NodeJS.ErrnoException): DnsOutcome {
  return { kind: "unreachable", code: error.code ?? error.name };
}
