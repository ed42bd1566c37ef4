/** The entry of a proxy thread: a data plane, and the ear for the control thread. It loads nothing that the data path does not need. */
import { parentPort, workerData } from "node:worker_threads";
import { SharedMemory } from "../../base/shared-memory.ts";
import type { LogFields, Logger, LogLevel } from "../../observe/logger.ts";
import { RepeatedWarnings, threadWarningIntervalMs } from "../../observe/repeated-warning.ts";
import { DataPlane } from "../data-plane.ts";
import { type RequestMessage, type ThreadAnswer, type ThreadData, type ThreadMessage, type ThreadRequest, toPostedError } from "./messages.ts";

const port = parentPort!;
const data = workerData as ThreadData;
const memory = new SharedMemory();
const warnings = new RepeatedWarnings({ onReport: (report) => post({ kind: "warning", report }), intervalMs: threadWarningIntervalMs });
const plane = new DataPlane({
  ...data,
  memory,
  logger: createPostingLogger(),
  warnings,
  onMetricPage: (page) => post({ kind: "metricPage", page }),
});

port.on("message", ({ id, request }: RequestMessage) => {
  handle(request).then(
    (answer) => post({ kind: "answer", id, answer }),
    (error: unknown) => post({ kind: "failure", id, error: toPostedError(error) }),
  );
});

async function handle(request: ThreadRequest): Promise<ThreadAnswer> {
  switch (request.kind) {
    case "prepare":
      memory.adopt(request.memory);
      await plane.prepare(request.config, { isShared: data.stripes > 1, chosenPorts: request.chosenPorts });
      return plane.addresses;
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
      await plane.close();
      warnings.close();
      // Nothing of ours is left; the thread ends by itself.
      port.unref();
      return null;
    case "reopenLogs":
      plane.reopenLogs();
      return null;
    case "inspect":
      return plane.inspect();
  }
}

function post(message: ThreadMessage): void {
  port.postMessage(message);
}

function createPostingLogger(): Logger {
  const log = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    const plain = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]));
    post({ kind: "log", level, message, fields: plain });
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}
