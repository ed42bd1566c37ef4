/** Paths in the options of `rewrite`: held to what the path of a request is held to. */
import { readPath } from "../../http/path.ts";

/** A path in canonical form, or what is wrong with it: a sentence without a full stop, for the user. */
export type WrittenPath =
  | { readonly canonical: string; readonly problem: null }
  | { readonly canonical: null; readonly problem: string };

/** Reads a path as it is written in a configuration. */
export function readWrittenPath(text: string): WrittenPath {
  const refuse = (sentence: string): WrittenPath => ({
    canonical: null,
    problem: `${JSON.stringify(text)} ${sentence}`,
  });
  if (!/^\/[!-~]*$/.test(text) || /[?#\\*]/.test(text))
    return refuse('is not a path; it begins with "/" and has no white space, query or wildcard');
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return refuse('has a "." or ".." segment');
  const reading = readPath(text);
  if (typeof reading === "string") return refuse("is a path that no request can have");
  return { canonical: reading.canonical, problem: null };
}
