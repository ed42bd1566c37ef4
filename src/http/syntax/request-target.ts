/** Where a request goes: its authority, method and target together. */
import { parseAuthority } from "../authority.ts";
import type { RequestHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import { parseTarget } from "../target.ts";

// Clients of one site send one Host again and again.
let lastAuthority = "";
let lastHost = "";

/**
 * Reads `received`, the target, and the authority that `head` has. @returns why the request is refused, or null
 */
export function readRequestTarget(head: RequestHead, received: string): ReasonCode | null {
  const authority = head.authority;
  if (authority === lastAuthority && authority !== "") {
    // The same string, not one like it: whatever compares it with what it has seen before finds it at a glance.
    head.authority = lastAuthority;
    head.host = lastHost;
  } else if (authority !== "" || head.hasHostField) {
    const host = parseAuthority(authority);
    if (host === null) return "BAD_HOST";
    lastAuthority = authority;
    head.host = lastHost = host;
  }
  // Neither tunnels by CONNECT nor echoes of credentials by TRACE (RFC 9110 sections 9.3.6 and 9.3.8).
  if (head.method === "CONNECT" || head.method === "TRACE") return "METHOD_NOT_ALLOWED";
  return parseTarget(head.method, received, head);
}
