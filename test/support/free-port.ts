/** Ports of the loopback interface: finding a free one, taking one, and seeing that nobody listens on one. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * Ports that the kernel gives nobody of its own accord (`net.ipv4.ip_local_port_range`): one of those could be taken by
 * the next connection of anybody before a test comes back to it.
 */
const [least, most] = [20_000, 32_000];

/** A port of the loopback interface that is free, and that only another caller of this function may take. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(least, most);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => probe.close(resolve));
    if (isFree) return port;
  }
}

/** A port of the loopback interface that somebody listens on until it is released. */
export async function takenPort(): Promise<{ port: number; release(): Promise<void> }> {
  const port = await freePort();
  const holder = createServer().listen(port, "127.0.0.1");
  await once(holder, "listening");
  return { port, release: () => new Promise((resolve) => void holder.close(() => resolve())) };
}

/** Whether nobody listens on a port. */
export async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const isConnected = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return !isConnected;
}
