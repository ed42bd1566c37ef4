/** The heads that clients are given of what is stored. */
import type { AnswerHead } from "../../http/answer.ts";
import type { BodyLength } from "../../http/body.ts";
import { Fields } from "../../http/fields.ts";
import { statusPhrase } from "../../http/status.ts";

/** The head of an answer from the cache. */
export class StoredHead implements AnswerHead {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly fields: Fields;
  readonly body: BodyLength;
  readonly declaredLength: number | null;
  readonly tunnel = null;
  readonly from = "endpoint";

  /** @param reasonPhrase null = the usual one */
  constructor(
    status: number,
    reasonPhrase: string | null,
    fields: string,
    { body, declaredLength }: Pick<AnswerHead, "body" | "declaredLength">,
  ) {
    this.status = status;
    this.reasonPhrase = reasonPhrase ?? statusPhrase(status);
    this.fields = Fields.ofText(fields);
    this.body = body;
    this.declaredLength = declaredLength;
  }
}

/** What is about the content, and has no place in an answer without it or with a part of it (RFC 9110 section 15.4.5). */
const aboutContent: ReadonlySet<string> = new Set([
  "content-type",
  "content-encoding",
  "content-language",
  "content-range",
  "content-md5",
  "content-digest",
  "repr-digest",
  "digest",
]);

/**
 * The stored `fields` for a 304 or 416: all but those that are about the content. Date, ETag, Vary, Cache-Control,
 * Expires and Content-Location have to be there, and what a client keeps by the rules of 304, such as those of CORS and
 * Content-Security-Policy, does no harm.
 */
export function withoutContentFields(fields: string): string {
  return Fields.ofText(fields).without((name) => aboutContent.has(name)).text;
}

/** The stored `fields` for a part of the content: digests of the whole are not those of a part. */
export function partFields(fields: string): string {
  return Fields.ofText(fields).without((name) => name === "content-md5" || name === "content-digest").text;
}
