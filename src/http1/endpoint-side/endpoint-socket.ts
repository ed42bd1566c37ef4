/**
 * A socket on which a failed write does not throw away what came in before it. An endpoint that wants nothing of a body
 * answers and closes; the kernel then resets the connection because of what was not read, and our next write fails
 * although the answer is there to be read (RFC 9112 section 9.6 tells servers to avoid this; many do not). Node ends a
 * socket at the first failed write, so the end is put off for as long as reading goes on, turn by turn.
 */
import { Socket } from "node:net";
import { isBeyondEndpointCeiling } from "../../net/descriptor-limit.ts";

/**
 * A socket to an endpoint, which reads what has arrived before it fails because of a write. A reset that is met while
 * reading ends it at once, as does `destroy` without an error.
 */
export class EndpointSocket extends Socket {
  #isFailing = false;

  /** Fails with EMFILE where it would take one of the last descriptors of the process. */
  override connect(...args: unknown[]): this {
    (super.connect as (...args: unknown[]) => this)(...args);
    // Its descriptor is there when Node has begun to connect, in the next tick at the latest.
    process.nextTick(failBeyondCeiling, this);
    return this;
  }

  override destroy(error?: NodeJS.ErrnoException): this {
    if (error?.syscall !== "write" || this.destroyed) return super.destroy(error);
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#failUnlessReading(error, -1);
    }
    return this;
  }

  // What had arrived before the failure is read in the polling phase before the second call at the latest.
  #failUnlessReading(error: NodeJS.ErrnoException, bytesRead: number): void {
    setImmediate(() => {
      if (this.destroyed || this.bytesRead === bytesRead) super.destroy(error);
      else this.#failUnlessReading(error, this.bytesRead);
    });
  }
}

function failBeyondCeiling(socket: EndpointSocket): void {
  if (!socket.destroyed && isBeyondEndpointCeiling(socket))
    socket.destroy(Object.assign(new Error("connect EMFILE"), { code: "EMFILE", syscall: "connect" }));
}
