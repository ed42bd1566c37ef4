/**
 * The record that stands under a primary key if answers vary (RFC 9111 section 4.1): which fields they are chosen by,
 * and where the variants are. Answers of one URL may name other fields in Vary than those before: each set of fields is
 * kept, the newest first, so that one answer does not hide another.
 */
import type { StoredAnswer, Variants } from "../../http/cache/stored-answer.ts";

/** The most variants of one URL; the oldest give way. What is beyond would be a store full of one URL. */
export const maxVariants = 32;
/** The most sets of fields of one URL. */
const maxSets = 4;

/** A variant that is stored. */
export interface NewVariant {
  /** The fields that it was chosen by, as `varyNames` gives them. */
  readonly names: readonly string[];
  readonly key: string;
  readonly answer: StoredAnswer;
}

/** The record with `variant`. @param record the one before, if there is one that is valid */
export function withVariant(record: StoredAnswer | null, { names, key, answer }: NewVariant): StoredAnswer {
  const before = record?.variants ?? [];
  const kept = before.find((set) => isSameList(set.names, names));
  const keys = [key, ...(kept?.keys.filter((one) => one !== key) ?? [])];
  const sets = bounded([{ names, keys }, ...before.filter((set) => set !== kept)]);
  return {
    status: 0,
    reasonPhrase: "",
    fields: "",
    bodyBytes: 0,
    bornMs: answer.bornMs,
    // It is of use as long as one of its variants is.
    freshUntilMs: Math.max(answer.freshUntilMs, record?.freshUntilMs ?? 0),
    staleWhileRevalidateUntilMs: Math.max(answer.staleWhileRevalidateUntilMs, record?.staleWhileRevalidateUntilMs ?? 0),
    staleIfErrorUntilMs: Math.max(answer.staleIfErrorUntilMs, record?.staleIfErrorUntilMs ?? 0),
    mustRevalidate: false,
    alwaysValidates: false,
    isShared: false,
    url: answer.url,
    tags: [],
    purgeSequence: answer.purgeSequence,
    variants: sets,
  };
}

/** Does `record` name the variant already, at the place of the newest? Then it need not be written again. */
export function isNewest(record: StoredAnswer | null, { names, key }: Pick<NewVariant, "names" | "key">): boolean {
  const first = record?.variants?.[0];
  return first !== undefined && isSameList(first.names, names) && first.keys.includes(key);
}

function bounded(sets: readonly Variants[]): Variants[] {
  let left = maxVariants;
  const result: Variants[] = [];
  for (const { names, keys } of sets.slice(0, maxSets)) {
    if (left === 0) break;
    const some = keys.slice(0, left);
    left -= some.length;
    result.push({ names, keys: some });
  }
  return result;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, at) => member === b[at]);
}
