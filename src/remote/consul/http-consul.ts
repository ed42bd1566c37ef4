/** The client of Consul, over HTTP. */
import { createRemoteHttp, RemoteError, type RemoteHttp } from "../http-client.ts";
import { BlockingQuery } from "./blocking-query.ts";
import {
  type ConsulClient,
  type ConsulCondition,
  type ConsulObserver,
  type ConsulOptions,
  type ConsulParts,
  type ConsulQuery,
  type ConsulValue,
  keyPath,
} from "./consul-client.ts";
import { askConsul, type ConsulQuestion, readJson, refusalOf } from "./consul-questions.ts";

/** A list of ten thousand services with their checks is as long as this. */
const maxBodyBytes = 32 * 1024 * 1024;
/** A lock that was lost is free for nobody for so long: until its holder, who gives signs of life more often, knows. */
const lockDelay = "10s";

/** A client of one agent. Connects when it is first asked. */
export function createConsulClient(options: ConsulOptions, parts: ConsulParts): ConsulClient {
  return new HttpConsul(options, parts);
}

class HttpConsul implements ConsulClient {
  readonly #options: ConsulOptions;
  readonly #parts: ConsulParts;
  readonly #http: RemoteHttp;
  readonly #followed = new Set<BlockingQuery>();

  constructor(options: ConsulOptions, parts: ConsulParts) {
    this.#options = options;
    this.#parts = parts;
    this.#http = this.#createHttp();
  }

  follow(path: string, query: ConsulQuery, observer: ConsulObserver): { close(): void } {
    const parts = { ...this.#parts, options: this.#options, http: this.#createHttp(), path, query, observer };
    const followed = new BlockingQuery(parts);
    this.#followed.add(followed);
    return {
      close: () => {
        this.#followed.delete(followed);
        followed.close();
      },
    };
  }

  async getKey(key: string): Promise<ConsulValue | null> {
    // `consistent`: whoever has got a lock just now must see what the holder before has written.
    const text = await this.#ask({ method: "GET", path: keyPath(key), query: { consistent: "" } }, [404]);
    return text === null ? null : readValue(readJson(this.#options, text));
  }

  async putKey(key: string, value: string, condition?: ConsulCondition): Promise<boolean> {
    const query = toQuery(condition);
    // If it were sent twice, the second comparison would fail on what the first has written.
    const isIdempotent = query["cas"] === undefined;
    const text = await this.#ask({ method: "PUT", path: keyPath(key), query, body: value, isIdempotent });
    return text?.trim() === "true";
  }

  async removeKey(key: string): Promise<void> {
    await this.#ask({ method: "DELETE", path: keyPath(key), query: {} });
  }

  async createSession(ttlMs: number): Promise<string> {
    // No checks of the agent's node: the session is over when its holder is silent, and not before.
    const session = {
      Name: "millrace",
      TTL: `${Math.ceil(ttlMs / 1_000)}s`,
      Behavior: "delete",
      LockDelay: lockDelay,
      NodeChecks: [],
    };
    const text = await this.#ask({
      method: "PUT",
      path: "session/create",
      query: {},
      body: JSON.stringify(session),
    });
    const { ID: id } = (readJson(this.#options, text ?? "") ?? {}) as { ID?: unknown };
    if (typeof id !== "string") throw new RemoteError("malformed", "the answer of Consul has no session");
    return id;
  }

  async renewSession(id: string): Promise<boolean> {
    return (
      (await this.#ask({ method: "PUT", path: `session/renew/${encodeURIComponent(id)}`, query: {} }, [404])) !== null
    );
  }

  async destroySession(id: string): Promise<void> {
    await this.#ask({ method: "PUT", path: `session/destroy/${encodeURIComponent(id)}`, query: {} });
  }

  close(): void {
    for (const followed of this.#followed) followed.close();
    this.#followed.clear();
    this.#http.close();
  }

  /** @param absent statuses that mean that it is not there. @returns the body; null if it is not there */
  async #ask(question: ConsulQuestion, absent: readonly number[] = []): Promise<string | null> {
    const answer = await askConsul(this.#http, this.#options, question);
    if (absent.includes(answer.status)) return null;
    const refusal = refusalOf(this.#options, answer);
    if (refusal !== null) throw refusal;
    return answer.body;
  }

  #createHttp(): RemoteHttp {
    const { lookup, scheduler, keepsProcess = false } = this.#parts;
    return createRemoteHttp({
      tls: this.#options.tls,
      maxBodyBytes,
      scheduler,
      keepsProcess,
      ...(lookup !== undefined && { lookup }),
    });
  }
}

function toQuery(condition: ConsulCondition | undefined): Record<string, string> {
  if (condition === undefined) return {};
  if ("modifyIndex" in condition) return { cas: condition.modifyIndex };
  return "acquiredBy" in condition ? { acquire: condition.acquiredBy } : { release: condition.releasedBy };
}

/**
 * A value as `/v1/kv/KEY` answers it, also to who follows a key.
 * @throws RemoteError if it is none
 */
export function readValue(body: unknown): ConsulValue {
  const [entry] = Array.isArray(body) ? (body as unknown[]) : [];
  const { Value: value, ModifyIndex: index, Session: session } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const isValue = value === null || typeof value === "string";
  if (!isValue || typeof index !== "number" || !Number.isSafeInteger(index))
    throw new RemoteError("malformed", "the answer of Consul is not a value of its key/value store");
  return {
    value: Buffer.from(value ?? "", "base64").toString("utf8"),
    modifyIndex: String(index),
    session: typeof session === "string" ? session : null,
  };
}
