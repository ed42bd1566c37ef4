/** Stored answers for tests. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";

/** An answer that is fresh for a day from `bornMs` on, or as `parts` say. */
export function sampleAnswer(parts: Partial<StoredAnswer> = {}): StoredAnswer {
  const bornMs = parts.bornMs ?? Date.now();
  const freshUntilMs = parts.freshUntilMs ?? bornMs + 86_400_000;
  return {
    status: 200,
    reasonPhrase: "OK",
    fields: 'Content-Type: text/plain\r\nETag: "one"\r\n',
    bodyBytes: null,
    bornMs,
    freshUntilMs,
    staleWhileRevalidateUntilMs: freshUntilMs,
    staleIfErrorUntilMs: freshUntilMs,
    mustRevalidate: false,
    alwaysValidates: false,
    isShared: false,
    url: "https://example.com/",
    tags: [],
    purgeSequence: 0,
    variants: null,
    ...parts,
  };
}
