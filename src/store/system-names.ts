/** Names for connections of the control thread: it may leave them to the system. */
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import type { ServerNames } from "./redis-connection.ts";

/** The system's answers; a connection that breaks is opened with the name's next address. */
export const systemNames: ServerNames = { lookup: lookup as LookupFunction, watch: () => {}, unwatch: () => {} };
