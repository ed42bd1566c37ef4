/**
 * Calls `done` when a turn has passed in which nothing was read from `socket`: at the second turn from now at the
 * soonest, because what has arrived by now is read in the polling phase before it at the latest.
 */
export function afterReading(socket: { readonly bytesRead: number }, done: () => void): void {
  let bytesRead = -1;
  const look = (): void => {
    if (socket.bytesRead === bytesRead) done();
    else {
      bytesRead = socket.bytesRead;
      setImmediate(look);
    }
  };
  setImmediate(look);
}
