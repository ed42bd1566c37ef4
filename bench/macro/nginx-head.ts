/** What every nginx of the benchmarks needs before it does anything: everything that it writes stays in its folder. */
import { findCommand } from "../../scripts/install-packages.ts";

/** What differs between them. */
export interface NginxHead {
  readonly folder: string;
  readonly workers: number;
  /** A worker's. */
  readonly connections: number;
  /** From which level on its error log is written. */
  readonly errorLevel: "warn" | "crit";
  /** Lines of the main section; default: none. */
  readonly main?: string;
  /** More of the `events` section; default: none. */
  readonly events?: string;
}

/** The lines before the `http` section. */
export function nginxHead({ folder, workers, connections, errorLevel, main = "", events = "" }: NginxHead): string {
  return `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes ${workers};
${main}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log ${errorLevel};
events { worker_connections ${connections}; ${events} }
`;
}

/** Lines of the `http` section: the paths that nginx would otherwise take below /var. */
export function nginxTemporaryPaths(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
}

/** Command that runs an nginx from a configuration file. */
export function nginxCommand(folder: string, file: string): string[] {
  return [findCommand("nginx") ?? "nginx", "-p", folder, "-e", `${folder}/error.log`, "-c", file];
}
