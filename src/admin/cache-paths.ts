/** The paths below `/api/v1/cache`: how full the stores are, and purges. */
import { sentenceOf } from "../base/sentence-of.ts";
import type { PurgeRequest } from "../cache/purge/purge-operator.ts";
import { type AdminAnswer, jsonAnswer } from "./admin-answer.ts";
import type { AdminCall, AdminPath } from "./admin-path.ts";
import type { AdminSources } from "./admin-sources.ts";

/** They are fixed. */
export const cachePaths: readonly (readonly [string, AdminPath])[] = [
  [
    "/api/v1/cache",
    {
      method: "GET",
      need: "read",
      about: "how full the stores of answers are",
      answer: (sources) => jsonAnswer(200, { stores: sources.stores() }),
    },
  ],
  [
    "/api/v1/cache/purge",
    {
      method: "POST",
      need: "write",
      about: 'makes stored answers invalid: {"url": …}, {"prefix": …}, {"tag": …}, {"all": true}; "soft": true',
      answer: answerPurge,
    },
  ],
];

async function answerPurge(sources: AdminSources, { body, peer }: AdminCall): Promise<AdminAnswer> {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return jsonAnswer(400, { error: 'The body must be JSON, as in {"url": "https://example.com/news/1"}.' });
  }
  try {
    // What it names is checked there.
    const report = await sources.purge(request as PurgeRequest, peer);
    if (report.failures.length === 0) return jsonAnswer(200, { purged: report.purged });
    const error = "It holds in this process, but not every store could make it last.";
    return jsonAnswer(500, { error, ...report });
  } catch (error) {
    if (error instanceof RangeError) return jsonAnswer(400, { error: error.message });
    return jsonAnswer(503, { error: `${sentenceOf(error)}.` });
  }
}
