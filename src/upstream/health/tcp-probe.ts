/**
 * One active check over TCP: a connection that comes about, with TLS if the endpoint's URL says so, and what is said over it if the options ask for that. For
 * endpoints that speak something else than HTTP.
 */
import type { LookupFunction } from "node:net";
import type { Scheduler } from "../../base/scheduler.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import { openCheckSocket, tlsReasonOf } from "./check-socket.ts";
import { createHttpProbe, type Probe } from "./http-probe.ts";

/** What an endpoint may send until it has said what is expected. */
const maxAnswerBytes = 4_096;

/** The probe that fits an endpoint: over TCP if the options say so, or if it is one of TCP; else by a request. */
export function createProbe(scheduler: Scheduler, lookup: LookupFunction | null = null): Probe {
  const [overTcp, overHttp] = [createTcpProbe(scheduler, lookup), createHttpProbe(scheduler, lookup)];
  return (endpoint, options, onResult) =>
    (options.tcp !== null || endpoint.url.startsWith("tcp:") ? overTcp : overHttp)(endpoint, options, onResult);
}

/** The probe over TCP alone. @param lookup as in `createHttpProbe` */
export function createTcpProbe(scheduler: Scheduler, lookup: LookupFunction | null = null): Probe {
  return (endpoint, { tcp, timeout }, onResult) => {
    const { socketPath } = endpoint;
    const send = tcp?.send ?? "";
    const expected = tcp?.expect ?? "";
    const startedMs = scheduler.clock.now();
    let isReported = false;
    let received = Buffer.alloc(0);
    const socket = openCheckSocket(endpoint, lookup, {
      onReady: () => {
        if (send !== "") socket.write(send);
        if (expected === "") report(true, "connected");
      },
      onRefused: (reason) => report(false, reason),
    });
    const deadline = scheduler.after(timeout, () => report(false, `timeout after ${timeout} ms`));
    const report = (isSuccess: boolean | null, reason: string): void => {
      if (isReported) return;
      isReported = true;
      deadline.cancel();
      // An orderly end: the endpoint sees a client that has closed.
      if (isSuccess === true) socket.destroySoon();
      else socket.destroy();
      onResult({ isSuccess, status: null, reason, durationMs: scheduler.clock.now() - startedMs });
    };
    socket.on("data", (chunk: Buffer) => {
      if (isReported) return;
      received = Buffer.concat([received, chunk]);
      if (received.includes(expected)) report(true, "answered as expected");
      else if (received.length >= maxAnswerBytes) report(false, "answered otherwise than expected");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // If the name has several addresses, one that could be asked decides.
      const errors = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
      const isShortage = ({ code }: NodeJS.ErrnoException): boolean =>
        socketShortage(code, socketPath === null ? "tcp" : "unix") !== null;
      const { code, name } = errors.find((one) => !isShortage(one)) ?? error;
      report(errors.every(isShortage) ? null : false, tlsReasonOf(error) ?? code ?? name);
    });
    socket.on("end", () => report(false, "closed without the expected answer"));
    socket.on("close", () => report(false, "closed without the expected answer"));
    return {
      cancel: () => {
        isReported = true;
        deadline.cancel();
        socket.destroy();
      },
    };
  };
}
