/** What a Connection field asks for (RFC 9110 section 7.6.1), in requests and answers alike. */
import { listMembers, removeFields } from "../field-text.ts";

/** As much of a head as the field changes. */
export interface ConnectionHead {
  isKeptAlive: boolean;
  keptFields: string;
  nominated: ReadonlySet<string>;
}

/** Options that say something of the connection itself; every other option names a field that goes no further. */
const ownOptions = new Set(["close", "keep-alive", "upgrade", "te"]);
const none: readonly string[] = [];

/**
 * Applies `connection`, the field's value, to `head`: whether the connection is kept, and which fields are not
 * forwarded. Framing, Host and what we add ourselves are not among the kept fields and so cannot be taken away.
 * @returns the options in lower case; empty if there is no more to them than keep-alive or close
 */
export function applyConnection(head: ConnectionHead, connection: string): readonly string[] {
  // The usual ones cost no list.
  if (connection === "keep-alive" || connection === "Keep-Alive") {
    head.isKeptAlive = true;
    return none;
  }
  if (connection === "close") {
    head.isKeptAlive = false;
    return none;
  }
  const options = listMembers(connection);
  if (options.includes("close")) head.isKeptAlive = false;
  else if (options.includes("keep-alive")) head.isKeptAlive = true;
  // A set: options and fields are both a stranger's, and their product must not be work.
  const nominated = new Set(options.filter((option) => !ownOptions.has(option)));
  if (nominated.size > 0) {
    head.nominated = nominated;
    head.keptFields = withoutNominated(head.keptFields, head);
  }
  return options;
}

/** `section`, fields or trailers, without what the Connection field of `head` names. */
export function withoutNominated(section: string, { nominated }: Pick<ConnectionHead, "nominated">): string {
  return nominated.size === 0 || section === "" ? section : removeFields(section, (name) => nominated.has(name));
}
