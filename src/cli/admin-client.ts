/** Speaks to the admin listener of a running Millrace. */
import { request } from "node:http";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { CommandFailure } from "./failure.ts";

/** A reload waits for at most this long: the configuration is read, validated and taken over by every thread. */
const timeoutMs = 60_000;
/** Resolving its name included. */
const connectTimeoutMs = 10_000;
const maxAnswerBytes = 1024 * 1024;

/** What the listener answered; `value` is its JSON, undefined if it was not JSON. */
export interface AdminReply {
  readonly status: number;
  readonly value: unknown;
}

/** A question to the admin listener. */
export interface AdminQuestion {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON; undefined = no body. */
  readonly body?: unknown;
}

/** What the listener said of a reload: the changes, or why nothing was changed. */
export interface ReloadAnswer {
  readonly isApplied: boolean;
  readonly report: string;
}

/**
 * Asks for a reload.
 * @throws CommandFailure when nothing answers there, or it is not allowed.
 */
export async function postReload(address: ListenAddress, token: string | null): Promise<ReloadAnswer> {
  const { status, value } = await askAdmin(address, token, { method: "POST", path: "/api/v1/reload" });
  const report =
    typeof value === "object" && value !== null && "report" in value && typeof value.report === "string"
      ? value.report
      : null;
  if (status === 200 && report !== null) return { isApplied: true, report };
  if (status >= 400 && report !== null) return { isApplied: false, report };
  throw notMillrace(address, status);
}

/** What listens there is something else. */
export function notMillrace(address: ListenAddress, status: number): CommandFailure {
  return new CommandFailure(
    `What listens on ${formatListenAddress(address)} is not the admin listener of a Millrace (status ${status}).`,
  );
}

/**
 * Asks the admin listener.
 * @throws CommandFailure when nothing answers there, or it is not allowed.
 */
export async function askAdmin(
  address: ListenAddress,
  token: string | null,
  question: AdminQuestion,
): Promise<AdminReply> {
  const place = formatListenAddress(address);
  for (const target of targetsOf(address)) {
    try {
      return await askAt(target, { place, token, question });
    } catch (error) {
      if (!(error instanceof Absent)) throw error;
    }
  }
  throw new CommandFailure(`No Millrace is running there: nothing listens on ${place}.`);
}

/** Nothing listens at a target. */
class Absent extends Error {}

type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/**
 * Where to find what listens on `address`: on every address of the machine means on its loopback addresses, too, by
 * which the listener knows that we are on its machine.
 */
function targetsOf(address: ListenAddress): readonly Target[] {
  if (address.kind === "fd")
    throw new CommandFailure("The admin listener is an inherited socket; name its address with --admin.");
  if (address.kind === "unix") return [{ socketPath: address.path }];
  const { host, port } = address;
  if (host === "0.0.0.0") return [{ host: "127.0.0.1", port }];
  // Which of the two depends on the machine: IPv6 may be switched off, or be apart from IPv4.
  if (host === null || host === "::")
    return [
      { host: "127.0.0.1", port },
      { host: "::1", port },
    ];
  return [{ host, port }];
}

function askAt(
  target: Target,
  { place, token, question }: { place: string; token: string | null; question: AdminQuestion },
): Promise<AdminReply> {
  const sent = question.body === undefined ? "" : JSON.stringify(question.body);
  const headers = {
    "content-length": Buffer.byteLength(sent),
    accept: "application/json",
    ...(sent !== "" && { "content-type": "application/json" }),
    ...(token !== null && { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const call = request(
      { ...target, path: question.path, method: question.method, agent: false, headers },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body += text;
          if (body.length > maxAnswerBytes) call.destroy(new Error("the answer is too long"));
        });
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          if (status !== 401 && status !== 403) resolve({ status, value: parseJson(body) });
          else
            reject(
              new CommandFailure(
                token === null
                  ? "The admin listener wants a token: --token or MILLRACE_ADMIN_TOKEN."
                  : "The admin listener does not take this token for that.",
              ),
            );
        });
      },
    );
    call.setTimeout(timeoutMs, () => call.destroy(new Error("no answer in time")));
    // The time above begins with the connection.
    const connecting = setTimeout(() => call.destroy(new Error("no connection in time")), connectTimeoutMs);
    call.on("socket", (socket) => socket.once("connect", () => clearTimeout(connecting)));
    call.on("close", () => clearTimeout(connecting));
    call.on("error", (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === "ECONNREFUSED" || error.code === "ENOENT" || error.code === "EADDRNOTAVAIL";
      reject(
        isAbsent
          ? new Absent()
          : new CommandFailure(`The admin listener on ${place} cannot be asked: ${error.message}.`),
      );
    });
    call.end(sent);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
