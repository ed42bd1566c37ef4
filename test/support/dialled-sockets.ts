/** The sockets by which a proxy reaches its endpoints, for tests of connections that the system or the network refuses. */
import type { TestContext } from "node:test";
import { BareSocket } from "../../src/net/bare-socket.ts";
import type { DialTarget } from "../../src/net/dial-target.ts";
import type { KernelSocket } from "../../src/net/kernel-socket.ts";
import { streamDoor } from "../../src/net/node-internals.ts";
import { PlainSocket } from "../../src/net/plain-socket.ts";

const socketClass = streamDoor === null ? PlainSocket : BareSocket;

/**
 * Has `replace` called for every connection that is begun in this process, until the returned function is called or the
 * test is over. @param replace returns false if it leaves the connection alone; else it may be silent, as a network is
 * that swallows packets, or `refuse`
 */
export function interceptConnections(
  context: TestContext,
  replace: (socket: KernelSocket, target: DialTarget) => boolean,
): () => void {
  const { connect } = socketClass.prototype;
  const { mock } = context.mock.method(
    socketClass.prototype,
    "connect",
    function (this: KernelSocket & never, target: DialTarget, connected: () => void): void {
      if (!replace(this, target)) connect.call(this, target, connected);
    },
  );
  return () => mock.restore();
}

/** The system says no. @returns true, for `interceptConnections` */
export function refuse(socket: KernelSocket, code: string): true {
  process.nextTick(() => {
    if (socket.isDestroyed) return;
    socket.destroy();
    socket.listener.onLost(Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" }));
  });
  return true;
}
