/** What the middlewares of a route do to its requests and trailers when these are written for the other side. */
import type { HeaderEdit } from "./headers/header-edit.ts";
import type { Rewrite } from "./rewrite/rewrite.ts";

/** Collected over a route's list, in its order. */
export interface ForwardingEdits {
  readonly rewrites: Rewrite[];
  readonly requestFields: HeaderEdit[];
  readonly requestTrailers: HeaderEdit[];
  readonly answerTrailers: HeaderEdit[];
  /** `Via` is neither passed on nor written. */
  isViaRemoved: boolean;
}

/** Makes the collection of a route that changes nothing. */
export function createForwardingEdits(): ForwardingEdits {
  return { rewrites: [], requestFields: [], requestTrailers: [], answerTrailers: [], isViaRemoved: false };
}

/** Makes one edit of several, in their order; null if there are none. */
export function inSequence(edits: readonly HeaderEdit[]): HeaderEdit | null {
  if (edits.length <= 1) return edits[0] ?? null;
  return (section) => edits.reduce((edited, edit) => edit(edited), section);
}
