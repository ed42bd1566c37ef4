/** What goes wrong between this client and an ACME server, as one kind of error with what the server said. */

/** A part of a problem that is about one name (RFC 8555, section 6.7.1). */
export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly name: string | null;
}

/** What an `AcmeError` is made of. */
export interface AcmeErrorParts {
  /**
   * The server's type without `urn:ietf:params:acme:error:`, or `network`, `timeout`, `malformed`, `challenge`, `closed`,
   * `lost` (another instance may be at it), `internal`.
   */
  readonly type: string;
  readonly detail: string;
  /** Status code of the answer; 0 if there was none. */
  readonly status?: number;
  /** What `Retry-After` said; null if nothing. */
  readonly retryAfterMs?: number | null;
  readonly subproblems?: readonly Subproblem[];
  readonly cause?: unknown;
}

/** A request to an ACME server, or what it was asked for, has failed. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  readonly type: string;
  readonly status: number;
  readonly retryAfterMs: number | null;
  readonly subproblems: readonly Subproblem[];

  constructor(parts: AcmeErrorParts) {
    const about = (parts.subproblems ?? []).map(({ name, detail }) => (name === null ? detail : `${name}: ${detail}`));
    super([`${parts.detail} (${parts.type})`, ...about].join("; "), { cause: parts.cause });
    this.type = parts.type;
    this.status = parts.status ?? 0;
    this.retryAfterMs = parts.retryAfterMs ?? null;
    this.subproblems = parts.subproblems ?? [];
  }
}

/** Given up: by us, or because somebody else may have the lock. No other authority is asked then. */
export function isNobodysFailure({ type }: AcmeError): boolean {
  return type === "closed" || type === "lost";
}

const prefix = "urn:ietf:params:acme:error:";
const maxDetailLength = 500;
const maxSubproblems = 20;

/** The parts of an error that a problem document says (RFC 7807; RFC 8555, section 6.7); it may be anything. */
export function readProblem(document: unknown): Pick<AcmeErrorParts, "type" | "detail" | "subproblems"> {
  const { type, detail, subproblems } = asRecord(document);
  const list = Array.isArray(subproblems) ? subproblems.slice(0, maxSubproblems) : [];
  return {
    type: shortType(type),
    detail: shortText(detail) ?? "the server said no more",
    subproblems: list.map((one) => {
      const { type: ofType, detail: ofDetail, identifier } = asRecord(one);
      return {
        type: shortType(ofType),
        detail: shortText(ofDetail) ?? "",
        name: shortText(asRecord(identifier)["value"]),
      };
    }),
  };
}

/** A JSON value as an object; empty if it is none. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function shortType(type: unknown): string {
  const text = shortText(type) ?? "unknown";
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function shortText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, maxDetailLength) : null;
}
