/**
 * The connections of the admin listener, and whom it gives up so that others get in: probes must be answered whatever
 * strangers hold open here. When there are too many, the oldest on which no request is being answered goes: it has had
 * its time to send one.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isBeyondAdminCeiling } from "../net/descriptor-limit.ts";

/** More connections than this are not kept. */
const maxAdminConnections = 256;

/** Keeps the connections of an admin listener within bounds: the oldest that waits goes first. */
export class AdminConnections {
  /** The oldest first. */
  readonly #waiting = new Set<Socket>();
  readonly #answering = new Set<Socket>();
  readonly #isTcp: boolean;
  #isClosing = false;

  /** @param isTcp whoever connects has an address */
  constructor(server: Server, isTcp: boolean) {
    this.#isTcp = isTcp;
    server.on("connection", this.#onConnection);
    server.on("request", this.#onRequest);
  }

  /** Closes every connection on which no request is being answered, now and when its answer has ended. */
  close(): void {
    this.#isClosing = true;
    for (const socket of this.#waiting) socket.destroy();
  }

  readonly #onConnection = (socket: Socket): void => {
    // A client that sent and reset before it was accepted has no address; it must not be taken for one on a Unix
    // socket, which may change things.
    if (this.#isTcp && socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    this.#waiting.add(socket);
    socket.once("close", () => {
      this.#waiting.delete(socket);
      this.#answering.delete(socket);
    });
    if (this.#waiting.size + this.#answering.size > maxAdminConnections || isBeyondAdminCeiling(socket))
      this.#giveUpOne();
  };

  #giveUpOne(): void {
    for (const socket of this.#waiting) {
      socket.destroy();
      return;
    }
  }

  readonly #onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    this.#waiting.delete(socket);
    this.#answering.add(socket);
    response.once("close", () => {
      this.#answering.delete(socket);
      if (this.#isClosing) socket.destroySoon();
      else if (!socket.destroyed) this.#waiting.add(socket);
    });
  };
}
