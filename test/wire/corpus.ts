/** All fixtures as raw material for mutation: short ones, requests and answers. */
import { chunkFixtures } from "./request-chunks.ts";
import { fieldFixtures } from "./request-fields.ts";
import { forwardingFixtures } from "./request-forwarding.ts";
import { framingFixtures } from "./request-framing.ts";
import { switchingFixtures } from "./request-switching.ts";
import { targetFixtures } from "./request-targets.ts";
import { validFixtures } from "./request-valid.ts";
import { brokenResponses } from "./response-broken.ts";
import { validResponses } from "./response-valid.ts";

const maxLength = 600;

/** Requests of at most 600 bytes. */
export const requestCorpus: readonly string[] = [
  framingFixtures,
  chunkFixtures,
  fieldFixtures,
  targetFixtures,
  forwardingFixtures,
  switchingFixtures,
  validFixtures,
]
  .flat()
  .map(({ request }) => request)
  .filter(({ length }) => length <= maxLength);

/** Answers of at most 600 bytes. */
export const responseCorpus: readonly string[] = [...validResponses, ...brokenResponses]
  .map(({ response }) => response)
  .filter(({ length }) => length > 0 && length <= maxLength);
