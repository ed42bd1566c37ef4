/** What a connection to an endpoint is doing. */
export const EndpointState = {
  /** Nothing is in flight. */
  idle: 0,
  /** A head is awaited. */
  head: 1,
  /** A body whose end is known is read. */
  body: 2,
  /** A body is read that ends with the connection. */
  untilClose: 3,
  tunnel: 4,
  closed: 5,
} as const;
