/**
 * Asks a URL for the list of endpoints, at the start and then regularly. Only a whole answer of 200 that is a list
 * changes anything; with `ETag` or `Last-Modified` an answer of 304 says that nothing has. Redirects are not followed:
 * whoever could send them would decide whom we ask, and show him our token.
 */
import type { IncomingHttpHeaders } from "node:http";
import { cryptoLibrary } from "../../../base/crypto-library.ts";
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import { createRemoteHttp, type RemoteAnswer, RemoteError, type RemoteHttp } from "../../../remote/http-client.ts";
import { remoteTlsOf } from "../../../remote/remote-tls-files.ts";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import { readEndpointList } from "../endpoint-list.ts";
import type { HttpDiscoveryOptions } from "./options.ts";

/** The time between two questions is so much more or less: instances that start together do not ask together. */
const spread = 0.1;
/** The longest pause after failures, if the interval is not longer. */
const longestPauseMs = 30_000;
/** Of a validator that is sent back; a longer one is not used. */
const maxValidatorLength = 1_000;
const maxVersionLength = 100;

/** What the list that holds was answered with. */
interface Known {
  readonly digest: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** Follows one URL. */
export class HttpDiscovery implements Discovery {
  readonly #options: HttpDiscoveryOptions;
  readonly #context: DiscoveryContext;
  readonly #http: RemoteHttp;
  readonly #backOff: BackOff;
  #observer: DiscoveryObserver | null = null;
  #next: ScheduledCall | null = null;
  #known: Known | null = null;
  #isClosed = false;

  constructor(options: HttpDiscoveryOptions, context: DiscoveryContext) {
    this.#options = options;
    this.#context = context;
    const { scheduler, lookup, random } = context;
    this.#http = createRemoteHttp({ tls: remoteTlsOf(options.tls), timeoutMs: options.timeout, scheduler, lookup });
    this.#backOff = new BackOff({
      firstMs: Math.min(1_000, options.interval),
      longestMs: Math.max(longestPauseMs, options.interval),
      random,
    });
  }

  start(observer: DiscoveryObserver): void {
    this.#observer = observer;
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.cancel();
    this.#http.close();
  }

  async #ask(): Promise<void> {
    let delayMs: number;
    try {
      const answer = await this.#http.send({ method: "GET", url: this.#options.url, headers: this.#headers() });
      if (this.#isClosed) return;
      this.#take(answer);
      this.#backOff.reset();
      delayMs = this.#options.interval * (1 - spread + 2 * spread * this.#context.random());
    } catch (error) {
      if (this.#isClosed) return;
      // Whatever it was: it must not end the asking, and not the process.
      delayMs = this.#backOff.next();
      this.#observer?.onFailure(error instanceof Error ? error.message : String(error));
    }
    if (this.#isClosed) return;
    this.#next = this.#context.scheduler.after(delayMs, () => void this.#ask());
  }

  #headers(): Record<string, string> {
    const { headers, token } = this.#options;
    const { etag = null, lastModified = null } = this.#known ?? {};
    return {
      accept: "application/json",
      ...headers,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      // With both, the time would be ignored (RFC 9110 section 13.1.3).
      ...(etag !== null ? { "if-none-match": etag } : lastModified !== null && { "if-modified-since": lastModified }),
    };
  }

  /** @throws RemoteError if the answer cannot be used */
  #take({ status, headers, body }: RemoteAnswer): void {
    const known = this.#known;
    const isConditional = known !== null && (known.etag !== null || known.lastModified !== null);
    if (status === 304 && isConditional) return this.#observer?.onAlive();
    const host = new URL(this.#options.url).host;
    if (status !== 200) throw new RemoteError("status", `${host}: the answer is ${status}${meaningOf(status)}`, status);
    const digest = cryptoLibrary().hash("sha256", body);
    const list = digest === known?.digest ? null : readEndpointList(parse(body, host));
    if (typeof list === "string") throw new RemoteError("malformed", `${host}: ${list}`, status);
    if (list === null) this.#observer?.onAlive();
    else
      this.#observer?.onSnapshot({
        endpoints: list.endpoints,
        refused: list.refused,
        version: versionOf(headers),
        // A service that has just started, or has lost what stands behind it, answers so, too.
        isCertain: false,
      });
    this.#known = { digest, etag: validator(headers.etag), lastModified: validator(headers["last-modified"]) };
  }
}

function parse(body: string, host: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new RemoteError("malformed", `${host}: the answer is not JSON`, 200);
  }
}

function validator(value: string | undefined): string | null {
  return value === undefined || value === "" || value.length > maxValidatorLength ? null : value;
}

function versionOf({ etag, "last-modified": lastModified }: IncomingHttpHeaders): string | null {
  return (etag ?? lastModified ?? "").slice(0, maxVersionLength) || null;
}

function meaningOf(status: number): string {
  if (status >= 300 && status < 400) return "; redirects are not followed";
  return status === 401 || status === 403 ? "; it wants another token" : "";
}
