/**
 * The entry of a proxy thread: a data plane, and the ear for the control thread. It loads nothing that the data path
 * does not need.
 */
import { parentPort, workerData } from "node:worker_threads";
import { servingThreadTrim, startTrimmingHeap } from "../../base/heap-trim.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { unpackConfig } from "../../config/packed-config.ts";
import { withTlsChange } from "../../net/tls/tls-change.ts";
import type { LogFields, Logger, LogLevel } from "../../observe/logger.ts";
import { RepeatedWarnings, threadWarningIntervalMs } from "../../observe/repeated-warning.ts";
import { DataPlane } from "../data-plane.ts";
import type { WantCertificate } from "../plane-certificates.ts";
import {
  type CertificateNotice,
  type RequestMessage,
  type ThreadAnswer,
  type ThreadData,
  type ThreadMessage,
  type ThreadRequest,
  toPostedError,
  type TroubleNotice,
} from "./messages.ts";

const port = parentPort!;
const data = workerData as ThreadData;
const memory = new SharedMemory();
const logInTransit = new Int32Array(data.logInTransit);
/** Bytes of access log lines that may be on their way to the control thread. */
const maxLogInTransit = 4 * 1024 * 1024;
const warnings = new RepeatedWarnings({
  onReport: (report) => post({ kind: "warning", report }),
  intervalMs: threadWarningIntervalMs,
  isOneOfMany: true,
});
/** What waits for certificates, by the id that the control thread was given. */
const wanted = new Map<number, () => void>();
let lastWantedId = 0;
const plane = new DataPlane({
  ...data,
  memory,
  logger: createPostingLogger(),
  warnings,
  onAccessLog: postAccessLog,
  onMetricPage: (page) => post({ kind: "metricPage", page }),
  onCertificateWanted: wantCertificate,
});

startTrimmingHeap(servingThreadTrim);

port.on("message", (message: RequestMessage | TroubleNotice | CertificateNotice) => {
  if ("wantedId" in message) {
    wanted.get(message.wantedId)?.();
    wanted.delete(message.wantedId);
    return;
  }
  if ("trouble" in message) {
    plane.noteTroubleElsewhere(message.trouble);
    return;
  }
  const { id, request } = message;
  handle(request).then(
    (answer) => post({ kind: "answer", id, answer }),
    (error: unknown) => post({ kind: "failure", id, error: toPostedError(error) }),
  );
});

async function handle(request: ThreadRequest): Promise<ThreadAnswer> {
  switch (request.kind) {
    case "prepare":
      memory.adopt(request.memory);
      await plane.prepare(
        await unpackConfig(request.config),
        { isShared: data.stripes > 1, chosenPorts: request.chosenPorts },
        request.tls,
      );
      return plane.addresses;
    case "endpoints":
      for (const { memory: change } of request.lists) memory.extend(change.part, change.dropped);
      await plane.takeLists(request.lists);
      return null;
    case "certificates":
      plane.takeCertificates(withTlsChange(plane.tlsMaterial, request.change));
      return null;
    case "commit":
      plane.commit();
      return null;
    case "abort":
      plane.abort();
      return null;
    case "drain":
      await plane.drain();
      return null;
    case "close":
      plane.close();
      warnings.close();
      // Nothing of ours is left; the thread ends by itself.
      port.unref();
      return null;
    case "inspect":
      return plane.inspect();
  }
}

function post(message: ThreadMessage, given: ArrayBuffer[] = []): void {
  port.postMessage(message, given);
}

/** The control thread may be busy: what it has not taken is bounded. */
function postAccessLog(path: string, lines: Buffer, lineCount: number, lostBefore: number): boolean {
  if (Atomics.load(logInTransit, 0) + lines.length > maxLogInTransit) return false;
  Atomics.add(logInTransit, 0, lines.length);
  post({ kind: "accessLog", path, lines, lineCount, lostBefore }, [lines.buffer as ArrayBuffer]);
  return true;
}

function wantCertificate(...[listenerName, name, kind]: Parameters<WantCertificate>): Promise<void> {
  const id = ++lastWantedId;
  post({ kind: "wantCertificate", id, listenerName, name, wanted: kind });
  return new Promise((resolve) => {
    wanted.set(id, resolve);
  });
}

function createPostingLogger(): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      const plain = Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]),
      );
      post({ kind: "log", level, message, fields: plain });
    };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}
