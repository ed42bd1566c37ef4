/** Every response fixture, from an upstream with its defaults. */
import { brokenResponses } from "./response-broken.ts";
import { replayResponses } from "./response-replay.ts";
import { validResponses } from "./response-valid.ts";

replayResponses({ "answers that pass": validResponses, "answers that do not": brokenResponses });
