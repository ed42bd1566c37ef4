/**
 * The connections of the admin listener, and which of them are given up so that others get in: probes must be answered
 * whatever strangers hold open here. Bounded are their number and the bytes of answers that clients have not taken.
 *
 * If there are too many, the oldest goes on which no request is being answered: it has had its time to send one. If
 * there is none, the oldest whose client has an answer to take, then the oldest whose client has a body to send. A
 * connection for which the proxy is making an answer (a reload) is never given up for others.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { isBeyondAdminCeiling } from "../net/descriptor-limit.ts";
import { descriptorOf } from "../net/node-internals.ts";
import { AdminConnection, type AdminConnectionHost, type AdminPhase } from "./admin-connection.ts";

/** More connections than this are not kept. */
const maxAdminConnections = 256;
/** Answers that are being sent may have so many bytes together; one alone may have more. */
const maxSendingBytes = 64 * 1024 * 1024;
/** The phases in which a connection may be given up for another, the first one first. */
const phasesToGiveUp: readonly AdminPhase[] = ["waiting", "sending", "reading"];

/** What `AdminConnections` is made of. */
export interface AdminConnectionsParts {
  readonly server: Server;
  /** Clients have addresses; false for a Unix socket. */
  readonly isTcp: boolean;
  readonly wheel: TimerWheel;
  /** As in `AdminConnectionHost`. */
  readonly serve: AdminConnectionHost["serve"];
}

/** Keeps the connections of an admin listener, and their memory, within bounds. */
export class AdminConnections implements AdminConnectionHost {
  readonly wheel: TimerWheel;
  readonly serve: AdminConnectionHost["serve"];
  readonly #isTcp: boolean;
  readonly #bySocket = new Map<Socket, AdminConnection>();
  /** In each phase, those that came into it first stand first. */
  readonly #byPhase: Readonly<Record<AdminPhase, Set<AdminConnection>>> = {
    waiting: new Set(),
    reading: new Set(),
    making: new Set(),
    sending: new Set(),
  };
  #sendingBytes = 0;
  #isClosing = false;

  constructor(parts: AdminConnectionsParts) {
    this.wheel = parts.wheel;
    this.serve = parts.serve;
    this.#isTcp = parts.isTcp;
    parts.server.on("connection", this.#onConnection);
    parts.server.on("request", this.#onRequest);
  }

  /** Closes every connection on which no request is being answered, now and when its answer has ended. */
  close(): void {
    this.#isClosing = true;
    for (const { socket } of this.#byPhase.waiting) socket.destroy();
  }

  onPhaseEnd(connection: AdminConnection): void {
    this.#byPhase[connection.phase].delete(connection);
    if (connection.phase === "sending") this.#sendingBytes -= connection.sendingBytes;
  }

  onPhaseBegin(connection: AdminConnection): void {
    this.#byPhase[connection.phase].add(connection);
    if (connection.phase === "sending") {
      this.#sendingBytes += connection.sendingBytes;
      for (const other of this.#byPhase.sending) {
        if (this.#sendingBytes <= maxSendingBytes || other === connection) break;
        this.#giveUp(other);
      }
    } else if (connection.phase === "waiting" && this.#isClosing) connection.socket.destroySoon();
  }

  readonly #onConnection = (socket: Socket): void => {
    // A client that sent and reset before it was accepted has no address; it must not be taken for one on a Unix
    // socket, which may change things.
    if (this.#isTcp && socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    if (this.#bySocket.size >= maxAdminConnections || isBeyondAdminCeiling(descriptorOf(socket))) this.#makeRoom();
    if (this.#bySocket.size >= maxAdminConnections) {
      socket.destroy();
      return;
    }
    const connection = new AdminConnection(socket, this);
    this.#bySocket.set(socket, connection);
    this.onPhaseBegin(connection);
    socket.once("close", () => this.#remove(connection));
  };

  #makeRoom(): void {
    for (const phase of phasesToGiveUp) {
      const [oldest] = this.#byPhase[phase];
      if (oldest === undefined) continue;
      this.#giveUp(oldest);
      return;
    }
  }

  #giveUp(connection: AdminConnection): void {
    connection.giveUp();
    this.#remove(connection);
  }

  #remove(connection: AdminConnection): void {
    if (this.#bySocket.delete(connection.socket)) connection.remove();
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.#bySocket.get(request.socket)?.take(request, response);
  };
}
