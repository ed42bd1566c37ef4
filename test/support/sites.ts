/** Servers of one name: on one port of several loopback addresses. */
import type { AddressInfo, Server, Socket } from "node:net";

/** Running servers. */
export interface Sites {
  readonly port: number;
  /** Connections that are open at an address. */
  openAt(address: string): number;
  /** Breaks all connections and stops listening. */
  close(): void;
}

/** Starts one server for each address. @param create makes the server of an address */
export async function startSites(create: (address: string) => Server, ...addresses: string[]): Promise<Sites> {
  for (;;) {
    const servers: Server[] = [];
    const open = new Map<string, Set<Socket>>();
    let port = 0;
    try {
      for (const address of addresses) {
        const sockets = new Set<Socket>();
        open.set(address, sockets);
        const server = create(address).on("connection", (socket: Socket) => {
          sockets.add(socket);
          socket.on("close", () => sockets.delete(socket)).on("error", () => {});
        });
        await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, address, resolve));
        servers.push(server);
        port = (server.address() as AddressInfo).port;
      }
    } catch {
      // The port is taken on another address.
      for (const server of servers) server.close();
      continue;
    }
    return {
      port,
      openAt: (address) => open.get(address)!.size,
      close() {
        for (const server of servers) server.close();
        for (const sockets of open.values()) for (const socket of sockets) socket.destroy();
      },
    };
  }
}
