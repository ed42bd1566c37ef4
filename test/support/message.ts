/** Requests and answers as tests write and look at them, in no protocol's terms. */
import type { Field } from "./wire-reader.ts";

/** Fields to send: by name, several lines of one name as a list; or one pair a line if their order matters. */
export type FieldList = Readonly<Record<string, string | readonly string[]>> | readonly Field[];

/**
 * Content to send. A list has no length that is said in advance (HTTP/1.1: chunked), and each of its members leaves as a
 * piece of its own.
 */
export type Content = string | Buffer | readonly (string | Buffer)[];

/** What belongs to a connection and not to a message (RFC 9110 section 7.6.1): other protocols have no such fields. */
const ofConnection = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/** `list` as pairs. */
export function toPairs(list: FieldList = {}): readonly Field[] {
  if (Array.isArray(list)) return list as readonly Field[];
  return Object.entries(list as Readonly<Record<string, string | readonly string[]>>).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): Field => [name, one]),
  );
}

/** `fields` with their names in lower case, without those that belong to the connection, and without `others`. */
export function endToEnd(fields: readonly Field[], ...others: readonly string[]): Field[] {
  return fields
    .map(([name, value]): Field => [name.toLowerCase(), value])
    .filter(([name]) => !ofConnection.has(name) && !others.includes(name));
}

/** The fields and content of a message that was received. Names of fields are in lower case. */
export class ReceivedMessage {
  readonly fields: readonly Field[];
  readonly body: Buffer;
  readonly trailers: readonly Field[];
  /** False: it broke off. */
  readonly isComplete: boolean;

  constructor(parts: Pick<ReceivedMessage, "fields" | "body" | "trailers" | "isComplete">) {
    this.fields = parts.fields;
    this.body = parts.body;
    this.trailers = parts.trailers;
    this.isComplete = parts.isComplete;
  }

  /** The content as text. */
  get text(): string {
    return this.body.toString("latin1");
  }

  /** The values of the field `name`, in lower case: one for each line. */
  values(name: string): string[] {
    return this.fields.filter(([each]) => each === name).map(([, value]) => value);
  }

  /** The value of the field `name`, several lines as one list; null if there is none. */
  value(name: string): string | null {
    const values = this.values(name);
    return values.length === 0 ? null : values.join(", ");
  }
}

/** A request as it reached an endpoint. */
export class ReceivedRequest extends ReceivedMessage {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly authority: string;

  constructor(
    start: Pick<ReceivedRequest, "method" | "target" | "authority">,
    parts: Pick<ReceivedMessage, "fields" | "body" | "trailers" | "isComplete">,
  ) {
    super(parts);
    this.method = start.method;
    this.target = start.target;
    this.authority = start.authority;
  }
}

/** An interim answer. */
export interface Interim {
  readonly status: number;
  readonly fields: readonly Field[];
}

/** An answer as it reached a client. */
export class ReceivedAnswer extends ReceivedMessage {
  readonly status: number;
  /** The 1xx answers before it. */
  readonly interim: readonly Interim[];
  /** No further request is served on its connection. */
  readonly isLast: boolean;

  constructor(
    start: Pick<ReceivedAnswer, "status" | "interim" | "isLast">,
    parts: Pick<ReceivedMessage, "fields" | "body" | "trailers" | "isComplete">,
  ) {
    super(parts);
    this.status = start.status;
    this.interim = start.interim;
    this.isLast = start.isLast;
  }

  /** The code of an answer of the proxy's own, which its text has in brackets; null if there is none. */
  get reason(): string | null {
    return /\((\w+)\)/.exec(this.text)?.[1] ?? null;
  }
}
