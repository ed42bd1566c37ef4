/** What a client connection is doing. */
export const ClientState = {
  /** Between requests, or in the middle of a head. */
  head: 0,
  /** The head is complete; body bytes are expected. */
  body: 1,
  /** The request is complete; the answer is not. */
  answer: 2,
  tunnel: 3,
  /** The answer is out, the connection is being closed: what still comes is thrown away. */
  closing: 4,
  closed: 5,
} as const;
