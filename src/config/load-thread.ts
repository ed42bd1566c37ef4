/**
 * The thread in which a configuration is read and validated; `config-loader.ts` starts it. It ends with its work, and
 * takes the libraries for schemas and YAML, and the user's program, with it.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { LoadMessage, LoadRequest } from "./load-messages.ts";
import { packConfig, type PackedConfig } from "./packed-config.ts";
import { parseConfig } from "./parse-config.ts";
import { ConfigError } from "./problem.ts";
import { readConfigFile } from "./read-config-file.ts";
import { readLooseText } from "./read-config-text.ts";
import type { Config } from "./schema.ts";

function post(message: LoadMessage): void {
  parentPort?.postMessage(message);
}

function read(request: LoadRequest): Config | Promise<Config> {
  if (request.kind === "value") return parseConfig(request.value);
  if (request.kind === "text") return readLooseText(request);
  return readConfigFile({ ...request, onFileRead: (path, digest) => post({ kind: "read", path, digest }) });
}

async function load(request: LoadRequest): Promise<PackedConfig> {
  const config = await read(request);
  return packConfig(config);
}

// No `await` here: what is published is bundled into modules that cannot wait.
load(workerData as LoadRequest).then(
  (config) => post({ kind: "config", config }),
  (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    post({ kind: "problems", problems: error.problems });
  },
);
