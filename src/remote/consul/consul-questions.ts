/** One question to Consul, and what is wrong with its answer: where the URL, the token and the status codes are known. */
import { hostOf, type RemoteAnswer, RemoteError, type RemoteHttp } from "../http-client.ts";
import type { ConsulOptions, ConsulQuery } from "./consul-client.ts";

/** What is asked. */
export interface ConsulQuestion {
  readonly method: "GET" | "PUT" | "DELETE";
  /** After `/v1/`, encoded. */
  readonly path: string;
  readonly query: ConsulQuery;
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly isIdempotent?: boolean;
}

/** What statuses mean. What Consul writes beside them may name tokens, and is not repeated. */
const meanings: Readonly<Record<number, string>> = {
  400: "it does not understand the question",
  403: "the token is unknown, or has no right to this",
  413: "the value is larger than it takes",
  429: "too many questions or connections",
};

/** Asks, whatever comes back. @throws RemoteError if nothing does */
export function askConsul(http: RemoteHttp, options: ConsulOptions, question: ConsulQuestion): Promise<RemoteAnswer> {
  const { path, query, ...rest } = question;
  const parameters = new URLSearchParams();
  if (options.datacentre !== null) parameters.set("dc", options.datacentre);
  for (const [name, value] of Object.entries(query))
    for (const one of typeof value === "string" ? [value] : value) parameters.append(name, one);
  const search = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  return http.send({
    ...rest,
    url: `${options.url.replace(/\/$/, "")}/v1/${path}${search}`,
    ...(options.token !== null && { headers: { "x-consul-token": options.token } }),
  });
}

/** Why the answer is none that can be used; null if its status is one of success. */
export function refusalOf({ url }: ConsulOptions, { status, body }: RemoteAnswer): RemoteError | null {
  if (status >= 200 && status < 300) return null;
  const meaning = /no cluster leader/i.test(body) ? "the cluster has no leader" : meanings[status];
  const said = `the agent answers ${status}${meaning === undefined ? "" : `: ${meaning}`}`;
  return new RemoteError("status", `${hostOf(url)}: ${said}`, status);
}

/** @throws RemoteError if it is not JSON */
export function readJson({ url }: ConsulOptions, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RemoteError("malformed", `${hostOf(url)}: the agent's answer is not JSON`);
  }
}
