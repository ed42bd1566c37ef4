/**
 * The members of a cluster, of which one is asked until it fails: it does not answer in time, refuses connections, or
 * has no leader (it is cut off from the others). Then the next one is asked, and stays the one.
 *
 * Every question asks for a leader (`hasleader`): a member without one says so at once and does not let us wait. Reads
 * are linearizable, so a member that lags does not answer with what was. Whoever has logged in and is told that the
 * token is not known (a member has started again, or it is old) logs in again.
 */
import type { RandomSource } from "../../base/random.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import { hostOf, RemoteError, type RemoteHttp, type RemoteStream, type RemoteStreamSink } from "../http-client.ts";
import { Pauses } from "../pauses.ts";
import { EtcdError, type EtcdOptions, etcdCodes } from "./etcd.ts";
import { asObject, type GatewayObject, readError } from "./gateway-values.ts";

/** One member has so long to answer. */
const memberTimeoutMs = 3_000;
/** After so long, no further member is asked. */
const patienceMs = 10_000;
/** All members are asked so often: the choice of a new leader takes a second or two. */
const maxRounds = 4;
const roundPauseMs = { least: 100, most: 800 };
const maxLogins = 2;

/** What is needed to ask them. */
export interface EtcdMembersParts {
  readonly options: EtcdOptions;
  readonly http: RemoteHttp;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
}

/** Asks the cluster. */
export class EtcdMembers {
  readonly #parts: EtcdMembersParts;
  readonly #urls: readonly string[];
  readonly #pauses: Pauses;
  #turn: number;
  /** null: not logged in; "": the cluster wants nobody to log in. */
  #token: string | null = null;
  #login: Promise<string> | null = null;

  constructor(parts: EtcdMembersParts) {
    this.#parts = parts;
    this.#urls = parts.options.urls.map((url) => url.replace(/\/+$/, ""));
    this.#pauses = new Pauses(parts.scheduler);
    // Not all instances ask the same member.
    this.#turn = Math.floor(parts.random() * this.#urls.length);
  }

  /** How many members there are. */
  get count(): number {
    return this.#urls.length;
  }

  /** The URL of the member that is asked now. */
  get current(): string {
    return this.#urls[this.#turn % this.#urls.length] ?? "";
  }

  /** `url` did not serve: the next member is asked, unless another one is asked already. */
  moveOn(url: string): void {
    if (url === this.current) this.#turn++;
  }

  /**
   * Asks until a member has answered.
   * @throws EtcdError if the cluster says no; RemoteError if no member could answer
   */
  async ask(path: string, body: object): Promise<GatewayObject> {
    const endMs = this.#now() + patienceMs;
    let logins = 0;
    for (let tries = 1; ; tries++) {
      const url = this.current;
      try {
        return await this.askMember(url, { path, body });
      } catch (error) {
        if (isForgottenLogin(error) && logins++ < maxLogins) continue;
        if (!isFaultOfMember(error)) throw error;
        this.moveOn(url);
        if (tries >= maxRounds * this.#urls.length || this.#now() >= endMs) throw error;
        if (tries % this.#urls.length === 0 && !(await this.#pauses.wait(this.#roundPauseMs()))) throw error;
      }
    }
  }

  /** Asks one member, once. @throws as `ask` */
  async askMember(
    url: string,
    { path, body }: { readonly path: string; readonly body: object },
  ): Promise<GatewayObject> {
    const token = await this.#findToken(url);
    try {
      return await this.#post(url, { path, body, token });
    } catch (error) {
      this.noteRefusal(error, token);
      throw error;
    }
  }

  /** Asks one member for a long answer. @throws as `ask`, if it cannot log in */
  async openStream(
    url: string,
    { path, body, idleMs, sink }: { path: string; body: string; idleMs: number; sink: RemoteStreamSink },
  ): Promise<{ readonly stream: RemoteStream; readonly token: string }> {
    const token = await this.#findToken(url);
    const headers = headersWith(token);
    const question = { method: "POST", url: `${url}/v3/${path}`, headers, body, idleMs } as const;
    return { stream: this.#parts.http.stream(question, sink), token };
  }

  /** If `error` says that `token` is not known, the next question logs in again. */
  noteRefusal(error: unknown, token: string): void {
    if (isForgottenLogin(error) && this.#token === token) this.#token = null;
  }

  close(): void {
    this.#pauses.close();
    this.#parts.http.close();
  }

  #now(): number {
    return this.#parts.scheduler.clock.now();
  }

  #roundPauseMs(): number {
    const { least, most } = roundPauseMs;
    return least + this.#parts.random() * (most - least);
  }

  async #findToken(url: string): Promise<string> {
    const { login } = this.#parts.options;
    if (login === null) return "";
    if (this.#token !== null) return this.#token;
    this.#login ??= this.#logIn(url, login).finally(() => {
      this.#login = null;
    });
    return await this.#login;
  }

  async #logIn(url: string, { user, password }: { user: string; password: string }): Promise<string> {
    const body = { name: user, password };
    try {
      const { token } = await this.#post(url, { path: "auth/authenticate", body, token: "" });
      this.#token = typeof token === "string" ? token : "";
    } catch (error) {
      if (!(error instanceof EtcdError && error.message.includes("authentication is not enabled"))) throw error;
      this.#token = "";
    }
    return this.#token;
  }

  async #post(
    url: string,
    { path, body, token }: { readonly path: string; readonly body: object; readonly token: string },
  ): Promise<GatewayObject> {
    const answer = await this.#parts.http.send({
      method: "POST",
      url: `${url}/v3/${path}`,
      headers: headersWith(token),
      body: JSON.stringify(body),
      timeoutMs: memberTimeoutMs,
      isIdempotent: path !== "kv/txn",
    });
    // A stream that ends after its first message answers with a line.
    const document = parse(answer.body);
    const isObject = typeof document === "object" && document !== null;
    if (answer.status === 200 && isObject) {
      const { error } = document as GatewayObject;
      if (error === undefined) return asObject(document);
    }
    if (!isObject) throw new RemoteError("malformed", `${hostOf(url)}: an answer that is not etcd's`, answer.status);
    throw readError(document, answer.status);
  }
}

/** Is it the member's fault, so that another one may answer? Else it is what the cluster says. */
export function isFaultOfMember(error: unknown): boolean {
  if (error instanceof EtcdError)
    return error.status >= 500 || error.code === etcdCodes.unavailable || error.code === etcdCodes.deadlineExceeded;
  return error instanceof RemoteError && error.kind !== "closed" && !isTooLarge(error);
}

/** Was the answer larger than answers may be? Another member would give the same. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof RemoteError && error.kind === "malformed" && /more than \d+ bytes/.test(error.message);
}

/** Is the token not known any more, older than the rights that were given since, or was there no need for one? */
export function isForgottenLogin(error: unknown): boolean {
  return (
    error instanceof EtcdError &&
    (error.code === etcdCodes.unauthenticated ||
      /invalid auth token|revision of auth store is old|user name is empty/.test(error.message))
  );
}

function headersWith(token: string): Record<string, string> {
  return {
    "content-type": "application/json",
    "grpc-metadata-hasleader": "true",
    ...(token !== "" && { authorization: token }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.trimStart().split("\n", 1)[0] ?? "") as unknown;
  } catch {
    return null;
  }
}
