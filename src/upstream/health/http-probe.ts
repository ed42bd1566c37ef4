/**
 * One active check: a GET over a connection of its own, judged by the status alone. It does not use the data path, but
 * the same parser: an answer that clients would get as a 502 does not pass. The answer's head decides; a little of its
 * body is read, so that an ordinary endpoint sees an ordinary close, and the rest is cut off.
 */
import type { LookupFunction } from "node:net";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { toCheckRequest } from "../../http1/endpoint-side/check-request.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { HealthOptions } from "../health-options.ts";
import { openCheckSocket, tlsReasonOf } from "./check-socket.ts";
import { ProbeAnswer } from "./probe-answer.ts";

/** What to ask, how long to wait for the answer's head, and what to expect. */
export type ProbeOptions = Pick<HealthOptions, "path" | "host" | "timeout" | "expect" | "tcp">;

/** How a check went. */
export interface ProbeResult {
  /** Null = the endpoint could not be asked, and is not to blame for it. */
  readonly isSuccess: boolean | null;
  /** The answer's status; null if none came. */
  readonly status: number | null;
  /** The result in words, without text of the endpoint's: `status 503`, `timeout after 2000 ms`, `ECONNREFUSED`. */
  readonly reason: string;
  readonly durationMs: number;
}

/**
 * Starts a check; `onResult` is called once, later, unless the check is cancelled. @returns a function that cancels it
 * and closes its connection.
 */
export type Probe = (
  endpoint: EndpointSpec,
  options: ProbeOptions,
  onResult: (result: ProbeResult) => void,
) => ScheduledCall;

/**
 * The probe over real sockets.
 * @param lookup resolves host names; null = the system's resolver, which holds a thread of the process while it waits
 */
export function createHttpProbe(scheduler: Scheduler, lookup: LookupFunction | null = null): Probe {
  return (endpoint, options, onResult) => {
    const startedMs = scheduler.clock.now();
    let isReported = false;
    const report = (isSuccess: boolean | null, status: number | null, reason: string): void => {
      if (isReported) return;
      isReported = true;
      onResult({ isSuccess, status, reason, durationMs: scheduler.clock.now() - startedMs });
    };
    let isResolving = false;
    const notingLookup: LookupFunction = (host, lookupOptions, onDone) => {
      isResolving = true;
      lookup!(host, lookupOptions, (error, address, family) => {
        isResolving = false;
        onDone(error, address, family);
      });
    };
    let isReady = false;
    const socket = openCheckSocket(endpoint, lookup && notingLookup, {
      onReady: () => {
        isReady = true;
        socket.write(toCheckRequest(options.path, options.host ?? hostField(endpoint)), "latin1");
      },
      onRefused: (reason) => report(false, null, reason),
    });
    // One deadline for the whole check; after the head it only ends the reading of the body.
    const deadline = scheduler.after(options.timeout, () => {
      const isHandshaking = endpoint.tls != null && !isReady && !socket.connecting;
      const what = isResolving ? "name not resolved within" : isHandshaking ? "no TLS within" : "timeout after";
      report(false, null, `${what} ${options.timeout} ms`);
      socket.destroy();
    });
    const answer = new ProbeAnswer(endpoint.isLenient === true);
    socket.on("data", (chunk: Buffer) => {
      answer.take(chunk);
      const { status, problem } = answer;
      if (problem !== null) report(false, null, `malformed answer: ${problem}`);
      // A 101 switches protocols: it does not answer a check.
      else if (status !== 0) {
        const isExpected = options.expect.some((range) => status >= range.from && status <= range.to);
        report(isExpected && status !== 101, status, `status ${status}`);
      }
      if (answer.isOver) socket.destroySoon();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const isShortage = (code: string | undefined): boolean =>
        socketShortage(code, endpoint.socketPath === null ? "tcp" : "unix") !== null;
      // If the name has several addresses, one that could be asked decides.
      const errors = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
      const { code, name } = errors.find((one) => !isShortage(one.code)) ?? error;
      report(isShortage(code) ? null : false, null, tlsReasonOf(error) ?? code ?? name);
    });
    socket.on("close", () => {
      deadline.cancel();
      report(false, null, "closed without an answer");
    });
    return {
      cancel: () => {
        isReported = true;
        deadline.cancel();
        socket.destroy();
      },
    };
  };
}

function hostField(endpoint: EndpointSpec): string {
  if (endpoint.host === null) return "localhost";
  const { host } = endpoint;
  return endpoint.port === (endpoint.tls == null ? 80 : 443) ? bracketed(host) : `${bracketed(host)}:${endpoint.port}`;
}

/** The interface of an address (`fe80::1%eth0`) has a meaning on this machine only. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host.replace(/%.*/, "")}]` : host;
}
