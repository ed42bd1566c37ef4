/**
 * One active check: a GET over a connection of its own, judged by the status alone. Not the data path, but its answer
 * is read by the same parser: what serves is healthy, and what would be a 502 is not. The answer's head decides; of its
 * body a little is read, so that an ordinary endpoint sees an ordinary close, and the rest is cut off.
 */
import { connect, type LookupFunction } from "node:net";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { HealthOptions } from "../health-options.ts";
import { ProbeAnswer } from "./probe-answer.ts";

/** What to ask, how long to wait for the answer's head, and what to expect. */
export type ProbeOptions = Pick<HealthOptions, "path" | "host" | "timeout" | "expect">;

/** How a check went. */
export interface ProbeResult {
  /** Null = the endpoint could not be asked, for which it is not to blame. */
  readonly isSuccess: boolean | null;
  /** The answer's status; null where none came. */
  readonly status: number | null;
  /** For people, without anything the endpoint sent: `status 503`, `timeout after 2000 ms`, `ECONNREFUSED`. */
  readonly reason: string;
  readonly durationMs: number;
}

/**
 * Starts a check; `onResult` is called once, later, unless the check is cancelled. @returns what cancels it and closes
 * its connection.
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
    const { socketPath, host, port } = endpoint;
    const address = { host: host ?? "", port, ...(lookup && { lookup: notingLookup }) };
    const socket = connect(socketPath === null ? address : { path: socketPath });
    const fields = `host: ${options.host ?? hostField(endpoint)}\r\nuser-agent: millrace-health\r\naccept: */*\r\nconnection: close\r\n`;
    socket.write(`GET ${options.path} HTTP/1.1\r\n${fields}\r\n`, "latin1");
    // One deadline for all of it; after the head it only ends the reading of the body.
    const deadline = scheduler.after(options.timeout, () => {
      report(false, null, `${isResolving ? "name not resolved within" : "timeout after"} ${options.timeout} ms`);
      socket.destroy();
    });
    const answer = new ProbeAnswer(endpoint.isLenient === true);
    socket.on("data", (chunk: Buffer) => {
      answer.take(chunk);
      const { status, problem } = answer;
      if (problem !== null) report(false, null, `malformed answer: ${problem}`);
      // 101: an answer that switches protocols is no answer to this question.
      else if (status !== 0) {
        const isExpected = options.expect.some((range) => status >= range.from && status <= range.to);
        report(isExpected && status !== 101, status, `status ${status}`);
      }
      if (answer.isOver) socket.destroySoon();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const isShortage = (code: string | undefined): boolean =>
        socketShortage(code, endpoint.socketPath === null ? "tcp" : "unix") !== null;
      // Of several addresses, one that could be asked decides.
      const errors = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
      const { code, name } = errors.find((one) => !isShortage(one.code)) ?? error;
      report(isShortage(code) ? null : false, null, code ?? name);
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
  return endpoint.port === 80 ? bracketed(host) : `${bracketed(host)}:${endpoint.port}`;
}

/** An interface of this machine (`fe80::1%eth0`) means nothing to the endpoint. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host.replace(/%.*/, "")}]` : host;
}
