/** Why something is not reused although RFC 9111 would allow it. Each is a decision (docs/decisions, number 58). */
import { distinct } from "./arbitrary-messages.ts";
import type { DirectiveModel, RequestModel } from "./message-models.ts";
import { isForEverybody, type ReceivedAnswer } from "./oracle.ts";

type Refusal = (received: ReceivedAnswer, asked: RequestModel) => boolean;

const isRepeated = (directives: readonly DirectiveModel[]): boolean => distinct(directives).length < directives.length;

const reasons: readonly (readonly [why: string, applies: Refusal])[] = [
  ["a cookie for one client is given to no other", ({ answer }) => answer.setsCookie],
  ["the body of the request is in no key", ({ request }, asked) => request.hasBody || asked.hasBody],
  ["the status is about how one request was written", ({ answer }) => [400, 431].includes(answer.status)],
  [
    "a request with credentials is answered with what is said to be for all",
    (received, asked) => asked.hasCredentials && !isForEverybody(received),
  ],
  [
    "of times that are said twice the shortest holds",
    ({ answer }, asked) => isRepeated(answer.cacheControl) || isRepeated(asked.cacheControl),
  ],
  [
    "a demand of the client that cannot be read is the strictest",
    (_received, asked) => asked.cacheControl.some(({ argument }) => argument === "malformed"),
  ],
];

/** Why `received` is not reused for `asked`; null = there is no reason. */
export function whyRefused(received: ReceivedAnswer, asked: RequestModel): string | null {
  return reasons.find(([, applies]) => applies(received, asked))?.[0] ?? null;
}
