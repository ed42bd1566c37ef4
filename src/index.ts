/** Millrace as a library. */
/// <reference types="node" preserve="true" />
export { defineConfig } from "./config/define-config.ts";
export { ConfigError, type Problem as ConfigProblem } from "./config/problem.ts";
export type { ConfigDiff, NamedDiff } from "./config/diff-config.ts";
export type { Config, ConfigInput } from "./config/schema.ts";
export type { LogFields, Logger, LogLevel } from "./observe/logger.ts";
export { createLogger, type LoggerOptions } from "./observe/logger.ts";
export type { Statistics } from "./observe/statistics-line.ts";
export { createProxy, Proxy, type ProxyAddress, type ProxyOptions } from "./server/create-proxy.ts";
