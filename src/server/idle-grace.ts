/**
 * How long a request may be on its way to an idle connection that is about to close: as long as it takes around the
 * world. See `ClientConnection.drain`.
 */
export const idleGraceMs = 300;
