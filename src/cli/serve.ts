/** What `run`, `proxy` and `demo` share: from a configuration to a proxy that is ready. */
import { controlThreadTrim, servingThreadTrim, startTrimmingHeap } from "../base/heap-trim.ts";
import { startTrimmingMalloc } from "../base/malloc-trim.ts";
import { stateFolder } from "../base/state-folder.ts";
import { findConfigWarnings } from "../config/config-warnings.ts";
import type { Config } from "../config/schema.ts";
import { takeInheritedSockets } from "../net/inherited-sockets.ts";
import { createLogger, defaultLogFormat, formatLogLine } from "../observe/logger.ts";
import { writeStandardError } from "../observe/standard-output.ts";
import { idleGraceMs } from "../server/idle-grace.ts";
import { ControlledProxy } from "../server/controlled-proxy.ts";
import { CommandFailure, describeSystemError } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";
import { ProcessLifetime } from "./process-lifetime.ts";
import { Reloader } from "./reloader.ts";
import type { Service } from "./service.ts";

/**
 * Runs a proxy until a signal ends it. Returns once it is ready.
 * @throws CommandFailure when it cannot start; then nothing is left open.
 */
export async function serve(service: Service): Promise<void> {
  // Before there are threads, and before anybody starts a child.
  takeInheritedSockets(process.env, process.pid);
  let config: Config;
  const files = new Map<string, string>();
  try {
    config = await service.load((file, digest) => files.set(file, digest), "start");
  } catch (error) {
    throw await toCommandFailure(error);
  }
  const format = service.logFormat ?? defaultLogFormat();
  const logger = createLogger({ level: config.log.level, format });
  for (const warning of findConfigWarnings(config)) logger.warn(warning);
  const reloader = new Reloader(service, { logger, isForPeople: format === "text" });
  const proxy = new ControlledProxy(config, {
    logger,
    idleGraceMs,
    describeConfiguration: () =>
      service.source?.describe() ?? { source: service.file, appliedAt: reloader.appliedAt, store: null },
    lastGoodFolder: stateFolder(process.env, "discovery"),
    // It is not a message of a level: users who do not want it turn it off.
    onStatisticsLine: (line, statistics) =>
      writeStandardError(
        format === "text" ? line : formatLogLine("json", Date.now(), "info", "stats", { ...statistics }),
      ),
    ...(service.file !== null && { onReloadRequest: () => reloader.reload("request") }),
  });
  reloader.attach(proxy);
  // From here on a signal finds somebody, even while addresses are being opened.
  const lifetime = new ProcessLifetime({ service, proxy, reloader, logger });
  lifetime.hook();
  try {
    await proxy.listen();
  } catch (error) {
    await lifetime.stop(0);
    const sentence = describeSystemError(error);
    throw sentence === null
      ? await toCommandFailure(error)
      : new CommandFailure(service.addressHint === undefined ? sentence : `${sentence}\n${service.addressHint}`);
  }
  await proxy.ready();
  if (lifetime.isStopping) return;
  await reloader.watch(files);
  if (lifetime.isStopping) return;
  const admin = proxy.adminAddress();
  logger.info("ready", {
    listeners: proxy.addresses().map((address) => address.text),
    ...(service.sites !== undefined && { sites: service.sites }),
    ...(admin !== null && { admin }),
  });
  startTrimmingHeap(config.workers === 0 ? servingThreadTrim : controlThreadTrim);
  startTrimmingMalloc();
  service.onReady?.(proxy);
}
