/** What the operator decides where RFC 9111 leaves it open; made from the options of the `cache` middleware. */
export interface CachePolicy {
  /** For answers without `stale-while-revalidate`; 0 = not. */
  readonly staleWhileRevalidateMs: number;
  /** For answers without `stale-if-error`; 0 = not. */
  readonly staleIfErrorMs: number;
  /** Guesses of freshness for answers that say nothing of it (RFC 9111 section 4.2.2); null = none. */
  readonly heuristics: Heuristics | null;
  /**
   * How long answers are fresh that say nothing of it, in milliseconds by status: negative caching. What is never stored
   * stays so.
   */
  readonly negativeMs: ReadonlyMap<number, number>;
  /** `store`: answers with Set-Cookie are stored, and the cookie is given to everybody. Dangerous. */
  readonly setCookie: "store" | "refuse";
  /**
   * `share`: answers to requests with Authorization are stored and shared even if they do not say that they may be.
   * Dangerous.
   */
  readonly authorization: "share" | "obey";
  /** `ignore`: clients cannot make the cache ask the endpoint (`Cache-Control: no-cache` in requests and the like). */
  readonly requestDirectives: "honor" | "ignore";
}

/** How freshness is guessed. */
export interface Heuristics {
  /** Of the time since Last-Modified. */
  readonly fraction: number;
  /** A guess is never longer. */
  readonly maxMs: number;
}

/** What holds without options: explicit freshness alone, nothing that is private. */
export const defaultCachePolicy: CachePolicy = {
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  heuristics: null,
  negativeMs: new Map(),
  setCookie: "refuse",
  authorization: "obey",
  requestDirectives: "honor",
};

/** When an exchange with an endpoint began and when the head of its answer came. */
export interface FetchTimes {
  /** On the steady wall clock. */
  readonly requestMs: number;
  /** On the steady wall clock. */
  readonly responseMs: number;
  /**
   * The time of day by the machine's clock when the head came: what the endpoint's dates are compared with. It is not
   * the same as `responseMs` once the clock has been set.
   */
  readonly wallMs: number;
}
