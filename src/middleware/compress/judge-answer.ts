/** Which answers may be compressed at all, whatever the client accepts (RFC 9110 section 7.7 and what follows). */
import type { AnswerHead } from "../../http/answer.ts";
import { forbidsTransforming } from "../recode/no-transform.ts";
import type { TypeMatcher } from "./media-types.ts";

/**
 * `untouched`: it never is, nor any other answer to this request. `varies`: this one is not, but one to another request
 * for the same resource may be. `recodable`: it is, if the client accepts a coding.
 */
export type Verdict = "untouched" | "varies" | "recodable";

/** What is asked of answers. */
export interface AnswerRules {
  readonly minBytes: number;
  readonly isListedType: TypeMatcher;
}

/** @param isHead it answers HEAD: what would the answer to GET be? */
export function judgeAnswer(head: AnswerHead, { minBytes, isListedType }: AnswerRules, isHead: boolean): Verdict {
  const { fields, status, body } = head;
  // A tunnel is no content. 204 and 205 have none; 304 has its own rules.
  if (head.tunnel !== null || status < 200 || status === 204 || status === 205 || status === 304) return "untouched";
  const type = fields.value("content-type");
  if (type === null || !isListedType(type)) return "untouched";
  // Encoded already, if only by name: a second layer is what clients cannot undo.
  if (fields.value("content-encoding") !== null) return "untouched";
  if (forbidsTransforming(fields.value("cache-control"))) return "untouched";
  // Parts of a representation: what holds for the whole of it holds for Vary, too (section 15.3.7).
  if (status === 206 || fields.value("content-range") !== null) return "varies";
  const length = isHead ? (head.declaredLength ?? "unknown") : body;
  return length === "unknown" || (length >= minBytes && length > 0) ? "recodable" : "untouched";
}
