/** Notes what a socket tells, for tests. */
import type { SocketListener } from "../kernel-socket.ts";

/** A listener that can be waited for. */
export class SocketNotes implements SocketListener {
  received = "";
  readonly told: string[] = [];
  readonly memories = new Set<ArrayBufferLike>();
  #awaited: (() => void) | null = null;

  onRead(byteCount: number, bytes: Buffer): void {
    this.received += bytes.latin1Slice(0, byteCount);
    this.memories.add(bytes.buffer);
    this.#awaited?.();
  }
  onEnd(): void {
    this.tell("end");
  }
  onSent(): void {
    this.tell("sent");
  }
  onFinish(): void {
    this.tell("finish");
  }
  onLost(error: NodeJS.ErrnoException | null): void {
    this.tell(`lost: ${error?.code ?? "nothing"}`);
  }
  tell(what: string): void {
    this.told.push(what);
    this.#awaited?.();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => (this.#awaited = resolve));
  }
}

/** Some rounds of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
