/** One request to an ACME server, or to who else is asked in its course: within a time limit, with a bounded answer. */
import { Agent, type RequestOptions, request as httpsRequest } from "node:https";
import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { version } from "../../base/version.ts";
import { AcmeError } from "./acme-error.ts";

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is sent. */
export interface HttpQuestion {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends requests. */
export interface HttpClient {
  /** @throws AcmeError of the type `network`, `timeout` or `malformed` */
  send(question: HttpQuestion): Promise<HttpAnswer>;
  /** Gives up what is under way and closes idle connections. */
  close(): void;
}

/** How requests are sent. */
export interface HttpClientOptions {
  /** The roots that are trusted, as PEM; null: those of the system. */
  readonly caPem: string | null;
  /** For the whole request, the answer included. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 30_000;
const maxBodyBytes = 1 << 20;

/** A client that verifies what it talks to. Plain HTTP is spoken only if the URL says so. */
export function createHttpClient({ caPem, timeoutMs = defaultTimeoutMs }: HttpClientOptions): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ...(caPem === null ? {} : { ca: caPem }) });
  const given = new AbortController();
  return {
    send: (question) =>
      send(question, { agent, signal: AbortSignal.any([given.signal, AbortSignal.timeout(timeoutMs)]) }),
    close: () => {
      given.abort();
      agent.destroy();
    },
  };
}

function send(question: HttpQuestion, { agent, signal }: { agent: Agent; signal: AbortSignal }): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const fail = (type: string, detail: string, cause?: unknown): void =>
    reject(new AcmeError({ type, detail: `${hostOf(question.url)}: ${detail}`, cause }));
  const onError = (error: Error & { code?: string }): void =>
    signal.aborted
      ? fail("timeout", "no answer in time", error)
      : fail("network", error.message || (error.code ?? "?"), error);
  const isSecure = question.url.startsWith("https:");
  const options: RequestOptions = {
    method: question.method,
    headers: { "user-agent": `millrace/${version}`, "accept-language": "en", ...question.headers },
    signal,
    ...(isSecure ? { agent } : {}),
  };
  try {
    const sent = (isSecure ? httpsRequest : httpRequest)(question.url, options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("error", onError);
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBodyBytes) {
          fail("malformed", `an answer of more than ${maxBodyBytes} bytes`);
          sent.destroy();
        }
      });
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks).toString("utf8"),
        }),
      );
      answer.on("close", () => {
        if (!answer.complete) fail("network", "the answer broke off");
      });
    });
    sent.on("error", onError);
    sent.end(question.body);
  } catch (error) {
    fail("network", error instanceof Error ? error.message : String(error), error);
  }
  return promise;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
