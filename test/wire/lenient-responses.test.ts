/** What an upstream that is lenient takes, and what not even that. */
import { lenientResponses } from "./response-lenient.ts";
import { replayResponses } from "./response-replay.ts";

replayResponses({ "answers of lenient upstreams": lenientResponses }, { lenient: true });
