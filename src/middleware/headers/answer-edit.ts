/** The answer side of `headers`: the fields of an answer, interim ones included, and those of its trailers. */
import {
  type AnswerFilter,
  type AnswerHead,
  type InterimTaker,
  type Responder,
  withFields,
} from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import { Fields } from "../../http/fields.ts";
import { compileHeaderEdit, compileRemoval, type HeaderEdit, type HeaderEditSpec } from "./header-edit.ts";
import { TrailerRemoval } from "./trailer-removal.ts";

/**
 * Makes the filter of answers; null if `spec` changes nothing. What goes from the header goes from the trailers, too.
 * @param spec `upstream`: answers of endpoints alone are changed. @throws as `compileHeaderEdit`
 */
export function compileAnswerFilter(
  spec: HeaderEditSpec & { readonly when: "always" | "upstream" },
): AnswerFilter | null {
  const edit = compileHeaderEdit(spec, "response");
  return edit === null ? null : new AnswerEdit(edit, compileRemoval(spec, "response"), spec.when);
}

class AnswerEdit implements AnswerFilter {
  readonly #edit: HeaderEdit;
  readonly #isRemoved: ((lowerName: string) => boolean) | null;
  readonly #isForAll: boolean;

  constructor(edit: HeaderEdit, isRemoved: ((lowerName: string) => boolean) | null, when: "always" | "upstream") {
    this.#edit = edit;
    this.#isRemoved = isRemoved;
    this.#isForAll = when === "always";
  }

  start(head: AnswerHead, source: BodySource, next: Responder): BodySink {
    const sink = next.start(this.#change(head), source);
    const mayHaveTrailers = head.from === "endpoint" && head.body !== 0 && head.tunnel === null;
    return this.#isRemoved !== null && mayHaveTrailers ? new TrailerRemoval(sink, this.#isRemoved) : sink;
  }

  interim(head: AnswerHead, next: InterimTaker): boolean {
    return next.interim(this.#change(head));
  }

  #change(head: AnswerHead): AnswerHead {
    if (!this.#isForAll && head.from !== "endpoint") return head;
    return withFields(head, Fields.ofText(this.#edit(head.fields.text)));
  }
}
