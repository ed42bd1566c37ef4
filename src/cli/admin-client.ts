/** Speaks to the admin listener of a running Millrace. */
import { request } from "node:http";
import type { ListenAddress } from "../net/listen-address.ts";
import { formatListenAddress } from "../net/listen-address.ts";
import { CommandFailure } from "./failure.ts";

/** A reload waits for at most this long: the configuration is read, validated and taken over by every thread. */
const timeoutMs = 60_000;
const maxAnswerBytes = 1024 * 1024;

/** What the listener said: the changes, or why nothing was changed. */
export interface ReloadAnswer {
  readonly isApplied: boolean;
  readonly report: string;
}

/**
 * Asks for a reload.
 * @throws CommandFailure when nothing answers there, or it is not allowed.
 */
export async function postReload(address: ListenAddress, token: string | null): Promise<ReloadAnswer> {
  const { status, body } = await post(address, "/api/v1/reload", token);
  if (status === 401 || status === 403) {
    throw new CommandFailure(token === null ? "The admin listener wants a token: --token or MILLRACE_ADMIN_TOKEN." : "The admin listener does not take this token for a reload.");
  }
  const report = readReport(body);
  if (status === 200 && report !== null) return { isApplied: true, report };
  if (status >= 400 && report !== null) return { isApplied: false, report };
  throw new CommandFailure(`What listens on ${formatListenAddress(address)} is not the admin listener of a Millrace (status ${status}).`);
}

function readReport(body: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && "report" in value && typeof value.report === "string" ? value.report : null;
  } catch {
    return null;
  }
}

function post(address: ListenAddress, path: string, token: string | null): Promise<{ status: number; body: string }> {
  if (address.kind === "fd") throw new CommandFailure("The admin listener is an inherited socket; name its address with --admin.");
  const place = formatListenAddress(address);
  const target = address.kind === "unix" ? { socketPath: address.path } : { host: address.host ?? "127.0.0.1", port: address.port };
  return new Promise((resolve, reject) => {
    const call = request(
      { ...target, path, method: "POST", agent: false, headers: { "content-length": 0, accept: "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) } },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body += text;
          if (body.length > maxAnswerBytes) call.destroy(new Error("the answer is too long"));
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    call.setTimeout(timeoutMs, () => call.destroy(new Error("no answer in time")));
    call.on("error", (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === "ECONNREFUSED" || error.code === "ENOENT";
      reject(new CommandFailure(isAbsent ? `No Millrace is running there: nothing listens on ${place}.` : `The admin listener on ${place} cannot be asked: ${error.message}.`));
    });
    call.end();
  });
}
