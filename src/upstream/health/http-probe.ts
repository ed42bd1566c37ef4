/**
 * One active check: a GET over a connection of its own, judged by the status alone. Not the data path: plain `node:http`, small fixed limits.
 * The answer's head decides; of its body a little is read, so that an ordinary endpoint sees an ordinary close, and the rest is cut off.
 */
import type { IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { HealthOptions } from "../health-options.ts";

const maxHeadBytes = 16_384;
const maxBodyBytes = 8_192;

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

/** Starts a check; `onResult` is called once, later, unless the check is cancelled. @returns what cancels it and closes its connection. */
export type Probe = (endpoint: EndpointSpec, options: ProbeOptions, onResult: (result: ProbeResult) => void) => ScheduledCall;

/**
 * The probe over real sockets.
 * @param lookup resolves host names; null = the system's resolver, which holds a thread of the process while it waits
 */
export function createHttpProbe(scheduler: Scheduler, lookup: LookupFunction | null = null): Probe {
  // Loaded with the first check: it takes 20 ms, and most of them would be spent before the first answer.
  let http: typeof import("node:http") | null = null;
  return (endpoint, options, onResult) => {
    const { request } = (http ??= process.getBuiltinModule("node:http"));
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
    const outgoing = request({
      agent: false,
      method: "GET",
      path: options.path,
      headers: { host: options.host ?? hostField(endpoint), "user-agent": "millrace-health", accept: "*/*", connection: "close" },
      maxHeaderSize: maxHeadBytes,
      ...(endpoint.socketPath === null ? { host: endpoint.host ?? "", port: endpoint.port } : { socketPath: endpoint.socketPath }),
      ...(lookup && { lookup: notingLookup }),
    });
    // One deadline for all of it; after the head it only ends the reading of the body.
    const deadline = scheduler.after(options.timeout, () => {
      report(false, null, `${isResolving ? "name not resolved within" : "timeout after"} ${options.timeout} ms`);
      outgoing.destroy();
    });
    outgoing.on("response", (answer) => {
      const status = answer.statusCode ?? 0;
      report(options.expect.some((range) => status >= range.from && status <= range.to), status, `status ${status}`);
      discardBody(answer);
    });
    // An answer that switches protocols is no answer to this question; without a listener its connection would stay open.
    outgoing.on("upgrade", (answer, socket) => {
      report(false, answer.statusCode ?? 0, `status ${answer.statusCode}`);
      socket.destroy();
    });
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      const isShortage = (code: string | undefined): boolean => socketShortage(code, endpoint.socketPath === null ? "tcp" : "unix") !== null;
      // Of several addresses, one that could be asked decides.
      const errors = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
      const { code, name } = errors.find((one) => !isShortage(one.code)) ?? error;
      report(isShortage(code) ? null : false, null, code ?? name);
    });
    outgoing.on("close", () => {
      deadline.cancel();
      report(false, null, "closed without an answer");
    });
    outgoing.end();
    return {
      cancel: () => {
        isReported = true;
        deadline.cancel();
        outgoing.destroy();
      },
    };
  };
}

function discardBody(answer: IncomingMessage): void {
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) answer.destroy();
  });
  // The verdict is out; how the body ends changes nothing.
  answer.on("error", () => {});
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
