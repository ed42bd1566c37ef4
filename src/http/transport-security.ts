/** Tells browsers to come by HTTPS only (Strict-Transport-Security, RFC 6797). */
import { type AnswerFilter, type AnswerHead, type NextResponder, withFields } from "./answer.ts";
import type { BodySink, BodySource } from "./body.ts";

/** What a site says of itself. */
export interface TransportSecurity {
  /** Seconds. */
  readonly maxAge: number;
  readonly includeSubdomains: boolean;
  readonly preload: boolean;
}

/** For answers over TLS. What an endpoint says stands: of two fields only the first counts (section 8.1). */
export class TransportSecurityFilter implements AnswerFilter {
  readonly #line: string;

  constructor({ maxAge, includeSubdomains, preload }: TransportSecurity) {
    const more = `${includeSubdomains ? "; includeSubDomains" : ""}${preload ? "; preload" : ""}`;
    this.#line = `Strict-Transport-Security: max-age=${maxAge}${more}\r\n`;
  }

  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    const { fields } = head;
    const isSaid = fields.value("strict-transport-security") !== null;
    return next.start(isSaid ? head : withFields(head, fields.plusText(this.#line)), source);
  }
}
