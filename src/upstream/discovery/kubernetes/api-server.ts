/**
 * Questions to the API server of a cluster, with the token of the moment. What it answers instead of what was asked for
 * is an `ApiError`, which says what is to be done.
 */
import { RemoteError, type RemoteHttp, type RemoteStream, type RemoteStreamSink } from "../../../remote/http-client.ts";
import type { TokenFile } from "./token-file.ts";

const maxRetryAfterMs = 60_000;

/** The API server did not answer as it should. The message is a sentence without secrets. */
export class ApiError extends Error {
  /** 0: no answer came. */
  readonly status: number;
  /** It wants to be left alone for so long. */
  readonly retryAfterMs: number;
  /** It belongs to the way of the protocol: nobody needs to know unless it happens again and again. */
  readonly isOrdinary: boolean;

  constructor(message: string, facts: Partial<Pick<ApiError, "status" | "retryAfterMs" | "isOrdinary">> = {}) {
    super(message);
    this.name = "ApiError";
    this.status = facts.status ?? 0;
    this.retryAfterMs = facts.retryAfterMs ?? 0;
    this.isOrdinary = facts.isOrdinary ?? this.status === 410;
  }

  /**
   * What is known is too old to go on from (410), or too new for this server (504): the whole is to be listed again.
   */
  get asksForList(): boolean {
    return this.status === 410 || this.status === 504;
  }
}

/** What is read. */
export interface ApiQuestion {
  readonly verb: "list" | "watch";
  readonly namespace: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the questions are made of. */
export interface ApiServerParts {
  readonly http: RemoteHttp;
  /** `https://host:port`, and a path if the server stands below one; no slash at its end. */
  readonly url: string;
  /** null: the server lets everybody in. */
  readonly token: TokenFile | null;
}

/** Reads EndpointSlices. */
export class ApiServer {
  readonly #parts: ApiServerParts;

  constructor(parts: ApiServerParts) {
    this.#parts = parts;
  }

  /** The document that answers. @throws ApiError */
  async get(question: ApiQuestion): Promise<unknown> {
    const { http } = this.#parts;
    const headers = await this.#headers();
    const answer = await http.send({ method: "GET", url: this.#urlOf(question), headers }).catch((error: unknown) => {
      throw toApiError(error);
    });
    if (answer.status !== 200) throw this.refuse(question, answer.status, answer.headers["retry-after"]);
    try {
      return JSON.parse(answer.body) as unknown;
    } catch {
      throw new ApiError("the answer is not JSON");
    }
  }

  /** A long answer. Its head may have any status: hand it to `refuse`. @throws ApiError */
  async stream(question: ApiQuestion, idleMs: number, sink: RemoteStreamSink): Promise<RemoteStream> {
    const headers = await this.#headers();
    return this.#parts.http.stream({ method: "GET", url: this.#urlOf(question), headers, idleMs }, sink);
  }

  /** What an answer of another status than 200 means. */
  refuse({ verb, namespace }: ApiQuestion, status: number, retryAfter: string | undefined): ApiError {
    if (status === 401) this.#parts.token?.expire();
    const seconds = /^\d{1,6}$/.test(retryAfter ?? "") ? Number(retryAfter) : 0;
    return new ApiError(sentenceOf(status, verb, namespace), {
      status,
      retryAfterMs: Math.min(maxRetryAfterMs, seconds * 1_000),
    });
  }

  #urlOf({ namespace, parameters }: ApiQuestion): string {
    const query = new URLSearchParams(parameters).toString();
    return `${this.#parts.url}/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?${query}`;
  }

  async #headers(): Promise<Record<string, string>> {
    const { token } = this.#parts;
    const headers = { accept: "application/json" };
    try {
      return token === null ? headers : { ...headers, authorization: `Bearer ${await token.read()}` };
    } catch (error) {
      throw toApiError(error);
    }
  }
}

/** Any failure as one of the API. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RemoteError) return new ApiError(error.message, { status: error.status });
  return new ApiError(error instanceof Error ? error.message : String(error));
}

function sentenceOf(status: number, verb: string, namespace: string): string {
  if (status === 401) return "the API server does not accept the token (401)";
  if (status === 403)
    return `the service account may not ${verb} endpointslices.discovery.k8s.io in the namespace ${namespace} (403); a Role with the verbs list and watch allows it`;
  if (status === 404)
    return "the API server does not know EndpointSlices (404): discovery.k8s.io/v1 needs Kubernetes 1.21";
  if (status === 410) return "the resource version is too old (410)";
  if (status === 429) return "the API server has too much to do (429)";
  if (status === 504) return "the resource version is newer than the API server, or it timed out (504)";
  return `the API server has answered ${status}`;
}
