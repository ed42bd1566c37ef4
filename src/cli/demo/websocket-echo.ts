/** A WebSocket server that says everything back: what the demo's `/ws` is. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { acceptKey, buildClose, buildFrame, FrameReader, opcodes } from "./websocket-frames.ts";

/**
 * Accepts an upgrade and echoes every message until either side closes.
 * @param early bytes that came with the handshake; they are the first frames
 * @param greeting a text message sent first, so that a client sees who answered
 */
export function serveWebSocketEcho(request: IncomingMessage, socket: Duplex, early: Buffer, greeting: string): void {
  const key = request.headers["sec-websocket-key"];
  if (
    request.headers.upgrade?.toLowerCase() !== "websocket" ||
    typeof key !== "string" ||
    request.headers["sec-websocket-version"] !== "13"
  ) {
    socket.end(
      "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 25\r\n\r\nA WebSocket is expected.\n",
    );
    return;
  }
  const hangUp = (code: number): void => {
    socket.end(buildClose(code));
  };
  const reader = new FrameReader({
    onMessage: (opcode, payload) => {
      if (!socket.write(buildFrame(opcode, payload))) socket.pause();
    },
    onPing: (payload) => void socket.write(buildFrame(opcodes.pong, payload)),
    onClose: (code) => hangUp(code === 1005 ? 1000 : code),
    onViolation: hangUp,
  });
  socket.on("error", () => socket.destroy());
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  );
  socket.write(buildFrame(opcodes.text, Buffer.from(greeting)));
  if (early.length > 0) reader.push(early);
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
}
