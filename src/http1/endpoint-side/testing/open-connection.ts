/** A connection to an endpoint that a test plays by hand. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { ManualClock } from "../../../base/clock.ts";
import { EndOfTurn } from "../../../base/end-of-turn.ts";
import { TimerWheel } from "../../../base/timer-wheel.ts";
import type { Attempt } from "../../../http/attempt.ts";
import { SocketDialer } from "../../../net/dialer.ts";
import type { Wire } from "../../../net/wire.ts";
import { strictRules } from "../../syntax/response-parser.ts";
import type { ConnectionOwner } from "../connection-owner.ts";
import { EndpointConnection } from "../endpoint-connection.ts";

/** A connection that has come up, both ends of it. */
export interface OpenConnection {
  readonly connection: EndpointConnection;
  readonly wire: Wire;
  /** The endpoint's end. */
  readonly endpoint: Socket;
}

/** An owner with no timeouts that takes no notice, but for `more`. Its wheel moves only by hand. */
export function createOwner(more: Partial<ConnectionOwner>): ConnectionOwner {
  return {
    wheel: new TimerWheel({ clock: new ManualClock() }),
    endOfTurn: new EndOfTurn(),
    timeouts: { firstByte: 0, idle: 0, longIdle: 0 },
    onIdle: () => {},
    onUnaskedContent: () => {},
    onClosed: () => {},
    onInternalError: (error) => {
      throw error;
    },
    ...more,
  };
}

/**
 * Opens a connection that belongs to `owner`, and starts `attempt` on it; both ends are closed after the test.
 * @param options.isReadByHand the endpoint reads nothing until `resume`, and does not end its side by itself
 */
export async function openConnection(
  context: TestContext,
  owner: ConnectionOwner,
  attempt: Attempt,
  options: { readonly isReadByHand?: boolean } = {},
): Promise<OpenConnection> {
  const isReadByHand = options.isReadByHand === true;
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: isReadByHand, pauseOnConnect: isReadByHand }, accepted.resolve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const opened = Promise.withResolvers<{ connection: EndpointConnection; wire: Wire }>();
  new SocketDialer(opened.reject).dial(
    { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    {
      onWire(wire) {
        const connection = new EndpointConnection(owner, wire, strictRules);
        connection.start(attempt);
        opened.resolve({ connection, wire });
      },
      onDialFailed: ({ detail }) => opened.reject(new Error(detail)),
    },
  );
  const { connection, wire } = await opened.promise;
  const endpoint = await accepted.promise;
  server.close();
  endpoint.on("error", () => {});
  context.after(() => {
    connection.close();
    endpoint.destroy();
  });
  return { connection, wire, endpoint };
}
