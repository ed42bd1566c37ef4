/** Answers that are silent for long times by nature. */
import type { ResponseHead } from "./message.ts";

/**
 * Event streams and gRPC: a pause in them says nothing about the health of whoever sends. Media types are compared
 * without case (RFC 9110 section 8.3.1).
 */
export function isStreaming(head: ResponseHead): boolean {
  const type = head.field("content-type");
  return type !== null && /^(?:text\/event-stream|application\/grpc)(?:$|[+;\s-])/i.test(type);
}
