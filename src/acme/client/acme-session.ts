/**
 * Requests to one ACME server: its directory, nonces and signatures (RFC 8555, section 6). Every try of a request has a
 * nonce of its own, also after 429 and 5xx; tries are few, and wait as `Retry-After` says.
 */
import type { AccountKey } from "./account-key.ts";
import { AcmeError, readProblem } from "./acme-error.ts";
import { type Directory, readDirectory } from "./directory.ts";
import type { HttpAnswer, HttpClient, HttpQuestion } from "./https-request.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** What a session is given. */
export interface AcmeSessionParts {
  readonly directoryUrl: string;
  readonly http: HttpClient;
  readonly key: AccountKey;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** Resolves after a while; rejects when everything is given up. */
  wait(ms: number): Promise<void>;
}

/** An answer that was no error. */
export interface AcmeAnswer {
  readonly status: number;
  readonly headers: HttpAnswer["headers"];
  readonly text: string;
  /** The body as JSON; undefined if it is none. */
  readonly json: unknown;
  readonly retryAfterMs: number | null;
}

interface PostRequest {
  readonly url: string;
  readonly payload: unknown;
  readonly accept: string;
  readonly accountUrl: string | null;
}

/** A server that refuses every nonce would be asked for ever. */
const maxNonceTries = 10;
/** After a failure that may pass. */
const maxTries = 4;
/** A longer `Retry-After` ends the request: whoever wanted it comes again later. */
const maxWaitMs = 60_000;
const maxNonces = 8;

/** Speaks with one server in the name of one account. */
export class AcmeSession {
  readonly #parts: AcmeSessionParts;
  readonly #nonces: string[] = [];
  #directory: Promise<Directory> | null = null;
  /** Set as soon as the account is known. */
  accountUrl: string | null = null;

  constructor(parts: AcmeSessionParts) {
    this.#parts = parts;
  }

  get key(): AccountKey {
    return this.#parts.key;
  }

  get directoryUrl(): string {
    return this.#parts.directoryUrl;
  }

  wall(): number {
    return this.#parts.wall();
  }

  wait(ms: number): Promise<void> {
    return this.#parts.wait(ms);
  }

  /** Asked for once. */
  directory(): Promise<Directory> {
    this.#directory ??= this.get(this.#parts.directoryUrl)
      .then(({ json }) => readDirectory(json, this.#parts.directoryUrl))
      .catch((error: unknown) => {
        // Also a page of somebody else, which is there for an hour, is forgotten.
        this.#directory = null;
        throw error;
      });
    return this.#directory;
  }

  /** A plain GET: only of what needs no account (directory, renewal information). */
  get(url: string): Promise<AcmeAnswer> {
    return this.#retried(async () => this.#read(await this.#send({ method: "GET", url })));
  }

  /** Fetches what belongs to the account (POST-as-GET, section 6.3). */
  fetch(url: string, accept = "application/json"): Promise<AcmeAnswer> {
    return this.post(url, null, accept);
  }

  /** Sends a signed request in the name of the account; `payload` null is POST-as-GET. */
  post(url: string, payload: unknown, accept = "application/json"): Promise<AcmeAnswer> {
    return this.#post({ url, payload, accept, accountUrl: this.accountUrl });
  }

  /** Sends a request that is signed with the key itself: for an account that is not known yet. */
  postWithKey(url: string, payload: unknown): Promise<AcmeAnswer> {
    return this.#post({ url, payload, accept: "application/json", accountUrl: null });
  }

  #post(request: PostRequest): Promise<AcmeAnswer> {
    return this.#retried(async () => {
      for (let tries = 1; ; tries++) {
        try {
          return await this.#postOnce(request);
        } catch (error) {
          if (!(error instanceof AcmeError) || error.type !== "badNonce" || tries === maxNonceTries) throw error;
        }
      }
    });
  }

  async #postOnce({ url, payload, accept, accountUrl }: PostRequest): Promise<AcmeAnswer> {
    const nonce = this.#nonces.pop() ?? (await this.#newNonce());
    const signed = await this.#parts.key.sign({ url, nonce, accountUrl, payload });
    const headers = { "content-type": "application/jose+json", accept };
    return this.#read(await this.#send({ method: "POST", url, headers, body: JSON.stringify(signed) }));
  }

  async #newNonce(): Promise<string> {
    const { newNonce } = await this.directory();
    this.#read(await this.#send({ method: "HEAD", url: newNonce }));
    const nonce = this.#nonces.pop();
    if (nonce === undefined) throw new AcmeError({ type: "malformed", detail: `${newNonce} gave no nonce` });
    return nonce;
  }

  /** A server that is verified cannot lead to one that is not. */
  #send(question: HttpQuestion): Promise<HttpAnswer> {
    const { directoryUrl, http } = this.#parts;
    if (directoryUrl.startsWith("https:") && !question.url.startsWith("https:"))
      throw new AcmeError({ type: "malformed", detail: `${directoryUrl} leads to ${question.url}, without TLS` });
    return http.send(question);
  }

  /** Tries again after failures that may pass: no connection, 429 and 5xx. */
  async #retried(request: () => Promise<AcmeAnswer>): Promise<AcmeAnswer> {
    for (let tries = 1; ; tries++) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof AcmeError) || !mayPass(error) || tries === maxTries) throw error;
        const waitMs = error.retryAfterMs ?? 500 * 2 ** tries;
        if (waitMs > maxWaitMs) throw error;
        await this.#parts.wait(waitMs);
      }
    }
  }

  /** Keeps the nonce of an answer, and throws what the server complains about. */
  #read(answer: HttpAnswer): AcmeAnswer {
    const nonce = answer.headers["replay-nonce"];
    if (typeof nonce === "string" && /^[\w-]+$/.test(nonce) && this.#nonces.length < maxNonces)
      this.#nonces.push(nonce);
    const json = parseJson(answer.body);
    const retryAfterMs = parseRetryAfter(answer.headers["retry-after"], this.#parts.wall());
    if (answer.status >= 200 && answer.status < 300)
      return { status: answer.status, headers: answer.headers, text: answer.body, json, retryAfterMs };
    const problem = readProblem(json);
    const detail = json === undefined ? `the server answered with status ${answer.status}` : problem.detail;
    throw new AcmeError({ ...problem, detail, status: answer.status, retryAfterMs });
  }
}

function mayPass({ type, status }: AcmeError): boolean {
  return type === "network" || type === "timeout" || status === 429 || status >= 500;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
