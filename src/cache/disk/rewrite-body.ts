/** Stores a body again under another head, one that has no room in its file. */
import type { BodySink, BodySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { Draft, StoredBody } from "../cache-store.ts";

/** What is copied, and where to. */
export interface Rewrite {
  readonly create: () => Draft | null;
  readonly found: StoredBody;
  readonly answer: StoredAnswer;
  /** It is over, whether it was stored or not. */
  readonly done: () => void;
}

/** Copies a body at the pace of the disk. If that fails, what is stored stays as it is. */
export function rewriteBody({ create, found, answer, done }: Rewrite): void {
  const draft = create();
  if (draft === null) {
    found.release();
    done();
    return;
  }
  let canTake = true;
  let source: BodySource | null = null;
  const sink: BodySink = {
    data(chunk) {
      canTake = draft.append(chunk);
    },
    flush: () => canTake,
    end() {
      draft.commit(answer);
      done();
      return true;
    },
    abort() {
      draft.abort();
      done();
    },
  };
  draft.onWritable = () => {
    canTake = true;
    source?.resume();
  };
  draft.onFailure = () => {
    source?.stop("INTERNAL_ERROR");
    done();
  };
  source = found.open(0, Number.POSITIVE_INFINITY, sink);
}
