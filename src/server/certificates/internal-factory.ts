/** Certificates of the authority of this machine. What makes them is loaded with the first listener that has some. */
import { systemScheduler } from "../../base/scheduler.ts";
import { ConfigError, fileProblem } from "../../config/problem.ts";
import { defaultAuthorityFolder } from "../../local-ca/authority-folder.ts";
import type { SourceFactory } from "./source-factory.ts";

/** `tls.internal`. */
export const internalFactory: SourceFactory = {
  key: "internal",
  optionsOf: ({ tls }) => tls?.internal ?? null,
  async create({ name, tls }, { logger }) {
    const { LocalSource } = await import("../../local-ca/local-source.ts");
    const folder = tls?.internal?.folder ?? defaultAuthorityFolder(process.env);
    return new LocalSource({
      folder,
      toError: (message) => new ConfigError([fileProblem(folder, message, null)]),
      names: tls?.internal?.names ?? [],
      scheduler: systemScheduler,
      onError: ({ message }) =>
        logger.error("the local authority has issued no certificate", { listener: name, error: message }),
    });
  },
};
