/**
 * Peers that take their bytes slowly but without a pause, and peers that stop: the former are never cut off, however
 * long a single write takes, and the latter are. The time allowed is four seconds; what the kernel takes at once is
 * worth several. All are tried at the same time, since each of them mostly waits.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { describe } from "node:test";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { LogLine, ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { inSmallNetwork } from "../support/small-network.ts";

const tickMs = 50;
const bytesPerTick = 1_000;
const maxLagMs = 3_000;
/** Worth ten seconds at that rate. */
const size = 200_000;
const body = Buffer.from(Array.from({ length: size }, (_, at) => 97 + (at % 26)));
const patience = "4s";

/**
 * The other end of a connection, which takes so many bytes a tick, and is told to stop or to hurry. Ticks that came late
 * on a busy machine are made up for: a peer that became slower still would look like one that has stopped.
 */
class SlowPeer {
  readonly socket: Socket;
  received = 0;
  text = "";
  error = "";
  isEnded = false;
  isClosed = false;
  /** How much it takes: `slowly`, `nothing`, or `all`. */
  pace: "slowly" | "nothing" | "all";

  private constructor(socket: Socket, pace: SlowPeer["pace"]) {
    this.socket = socket;
    this.pace = pace;
    socket.on("end", () => {
      this.isEnded = true;
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
  }

  static connect(port: number, pace: SlowPeer["pace"]): SlowPeer {
    return SlowPeer.#open(pace, (onread) => connect({ port, host: "127.0.0.1", allowHalfOpen: true, onread }));
  }

  /**
   * Takes over the connection of a socket that was accepted and is paused: Node.js would read 64 KiB of it at a time,
   * which is no slow peer.
   */
  static accept(accepted: Socket, pace: SlowPeer["pace"]): SlowPeer {
    const owner = accepted as unknown as { _handle: unknown };
    const handle = owner._handle;
    owner._handle = null;
    return SlowPeer.#open(
      pace,
      (onread) =>
        new Socket({ handle, allowHalfOpen: true, manualStart: true, onread } as unknown as SocketConstructorOpts),
    );
  }

  static #open(pace: SlowPeer["pace"], make: (onread: OnReadOpts) => Socket): SlowPeer {
    let peer: SlowPeer;
    const memory = Buffer.alloc(bytesPerTick);
    let dueMs = 0;
    const callback = (count: number): boolean => {
      peer.received += count;
      if (peer.text.length < 400) peer.text += memory.latin1Slice(0, count);
      if (peer.pace === "all") return true;
      const nowMs = performance.now();
      // After a pause of its own it does not hurry.
      dueMs = (peer.pace === "slowly" && dueMs > nowMs - maxLagMs ? dueMs : nowMs) + tickMs * (count / bytesPerTick);
      if (dueMs <= nowMs) return true;
      setTimeout(() => peer.#goOn(), dueMs - nowMs);
      return false;
    };
    const socket = make({ buffer: memory, callback });
    if (pace === "nothing") socket.pause();
    else socket.resume();
    peer = new SlowPeer(socket, pace);
    return peer;
  }

  #goOn(): void {
    if (this.pace !== "nothing") this.socket.resume();
  }

  get isOver(): boolean {
    return this.isEnded || this.isClosed;
  }
}

/** A proxy between an endpoint and a client. */
class Stage {
  readonly harness: Harness;
  #proxy: ProxyUnderTest | null = null;

  constructor(harness: Harness) {
    this.harness = harness;
  }

  get proxy(): ProxyUnderTest {
    return this.#proxy!;
  }

  /**
   * An endpoint; `onRequest` comes with the first bytes of each connection, or at once if it is to read them by
   * itself.
   */
  async endpoint(onRequest: (socket: Socket) => void, reads: "for it" | "by itself" = "for it"): Promise<string> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: reads === "by itself" }, (socket) => {
      this.harness.atEnd(() => socket.destroy());
      socket.on("error", () => {});
      if (reads === "by itself") onRequest(socket);
      else socket.once("data", () => onRequest(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.harness.atEnd(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async start(
    url: string,
    timeouts: Record<string, string>,
    upstreamTimeouts: Record<string, string> = {},
  ): Promise<void> {
    this.#proxy = await this.harness.proxy({
      endpoints: [url],
      listener: { timeouts },
      upstream: { timeouts: upstreamTimeouts, retry: { attempts: 0 } },
    });
  }

  client(pace: SlowPeer["pace"], request: string): SlowPeer {
    const peer = SlowPeer.connect(this.proxy.port, pace);
    this.harness.endWithClients(() => peer.socket.destroy());
    peer.socket.write(request);
    return peer;
  }

  /** Ends everybody. @returns the access log */
  async finish(): Promise<readonly LogLine[]> {
    return (await this.harness.end())[0]!;
  }

  async reasons(): Promise<unknown[]> {
    return (await this.finish()).map(({ status, reason }) => [status, reason ?? null]);
  }
}

/** A test with a stage of its own. */
const play = (name: string, run: (stage: Stage) => Promise<void>): void =>
  testWithHarness(name, (harness) => run(new Stage(harness)));

/** Waits longer than `eventually` does: slow peers take their time. */
async function within(seconds: number, isTrue: () => boolean, what: () => string): Promise<void> {
  for (let at = 0; !isTrue(); at++) {
    if (at > seconds * 20) throw new Error(`waited in vain: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const waitUntilOver = (peer: SlowPeer): Promise<void> =>
  within(
    40,
    () => peer.isOver,
    () => `${peer.received} bytes, ${peer.error}`,
  );

const get = (version: string, more = ""): string => `GET / HTTP/${version}\r\nHost: a\r\n${more}\r\n`;
const answers = {
  "with a length": `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`,
  chunked: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`,
  "without framing": "HTTP/1.1 200 OK\r\n\r\n",
};

inSmallNetwork(import.meta.url, () =>
  describe("slow and stalled peers", { concurrency: 32 }, () => {
    for (const [how, head] of Object.entries(answers)) {
      const isChunked = how === "chunked";
      const send = (socket: Socket): void => {
        socket.write(head);
        socket.write(body);
        if (isChunked) socket.write("\r\n0\r\n\r\n");
        if (how === "without framing") socket.end();
      };

      play(`a client that takes an answer ${how} slowly gets all of it`, async (stage) => {
        await stage.start(await stage.endpoint(send), { write: patience });
        const peer = stage.client("slowly", get("1.1", "Connection: close\r\n"));
        await waitUntilOver(peer);
        assert.ok(peer.received > size, `${peer.received} bytes`);
        assert.equal(peer.error, "");
        assert.deepEqual(await stage.reasons(), [[200, null]]);
      });

      play(`a half-closed client that takes an answer ${how} slowly gets all of it`, async (stage) => {
        await stage.start(await stage.endpoint(send), { write: patience });
        const peer = stage.client("slowly", get("1.1"));
        peer.socket.end();
        await waitUntilOver(peer);
        assert.ok(peer.received > size, `${peer.received} bytes`);
        assert.equal(peer.error, "");
        assert.deepEqual(await stage.reasons(), [[200, null]]);
      });

      play(
        `an answer ${how} that breaks off reaches a slow client as far as it came, and looks broken`,
        async (stage) => {
          await stage.start(
            await stage.endpoint((socket) => {
              socket.write(head);
              socket.write(body.subarray(0, size - 10), () => setTimeout(() => socket.resetAndDestroy(), 200));
            }),
            { write: patience },
          );
          // The endpoint's own kernel throws away what it has not sent: what counts is what came to the proxy.
          const peer = stage.client("slowly", get(how === "without framing" ? "1.0" : "1.1"));
          await within(
            40,
            () => peer.isClosed || peer.isEnded,
            () => `${peer.received} bytes`,
          );
          assert.equal(peer.error, how === "without framing" ? "ECONNRESET" : "");
          const [line] = await stage.finish();
          assert.equal(line?.["reason"], "UPSTREAM_TRUNCATED");
          const passed = Number(line["responseBytes"]);
          assert.ok(passed > 10_000 && peer.received >= passed, `${peer.received} of ${passed} bytes`);
        },
      );
    }

    for (const [what, version, head, isHalfClosed] of [
      ["a client", "1.1", answers["with a length"], false],
      ["a half-closed client", "1.1", answers["with a length"], true],
      ["an HTTP/1.0 client", "1.0", answers["without framing"], false],
    ] as const) {
      play(`${what} that stops taking is cut off`, async (stage) => {
        await stage.start(
          await stage.endpoint((socket) => {
            socket.write(head);
            socket.write(body);
            socket.end();
          }),
          { write: patience },
        );
        const peer = stage.client("slowly", get(version));
        if (isHalfClosed) peer.socket.end();
        await within(
          20,
          () => peer.received > 20_000,
          () => `${peer.received} bytes`,
        );
        peer.pace = "nothing";
        await stage.proxy.untilOpen((open) => open.exchanges === 0 && open.connections === 0, "it is cut off");
        peer.pace = "all";
        peer.socket.resume();
        await waitUntilOver(peer);
        assert.ok(peer.received < size, `${peer.received} bytes`);
        // An answer without framing must not look complete.
        if (version === "1.0") assert.equal(peer.error, "ECONNRESET");
      });
    }

    play("an HTTP/1.0 client that takes nothing of an answer that broke off is reset in time", async (stage) => {
      await stage.start(
        await stage.endpoint((socket) => {
          socket.write(answers["without framing"]);
          socket.write(body.subarray(0, 200_000), () => socket.resetAndDestroy());
        }),
        { write: patience },
      );
      const peer = stage.client("nothing", get("1.0"));
      await stage.proxy.untilOpen((open) => open.connections === 1 && open.exchanges === 0, "the answer broke off");
      await stage.proxy.untilOpen((open) => open.connections === 0, "the client is reset");
      peer.pace = "all";
      peer.socket.resume();
      await waitUntilOver(peer);
      assert.equal(peer.error, "ECONNRESET");
    });

    play("a client that sends without taking goes on as long as it sends", async (stage) => {
      await stage.start(
        await stage.endpoint((socket) => {
          socket.write(answers["with a length"]);
          socket.write(body);
          socket.resume();
        }),
        { write: patience, body: "10s" },
      );
      const peer = stage.client(
        "nothing",
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nConnection: close\r\n\r\n`,
      );
      for (let at = 0; at < 50; at++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        peer.socket.write("x");
      }
      peer.pace = "all";
      peer.socket.resume();
      await waitUntilOver(peer);
      assert.ok(peer.received > size, `${peer.received} bytes`);
    });

    for (const [what, everyMs, expected] of [
      ["rests while its answer flows is not ended", 200, [[200, null]]],
      ["rests with its answer is ended", 0, [[200, "BODY_TIMEOUT"]]],
    ] as const) {
      play(`an upload that ${what}`, async (stage) => {
        let timer: NodeJS.Timeout | undefined;
        await stage.start(
          await stage.endpoint((socket) => {
            socket.resume();
            socket.write("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
            let sent = 0;
            if (everyMs > 0)
              timer = setInterval(() => {
                if (sent++ < 20) socket.write("x");
                else clearInterval(timer);
              }, everyMs);
          }),
          { body: patience },
        );
        const peer = stage.client(
          "all",
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\na",
        );
        if (everyMs > 0)
          await within(
            10,
            () => peer.text.endsWith("x".repeat(18)) || peer.isOver,
            () => peer.text,
          );
        if (everyMs > 0) peer.socket.write("b");
        await waitUntilOver(peer);
        clearInterval(timer);
        assert.deepEqual(await stage.reasons(), expected);
      });
    }

    const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`;

    for (const [when, early, timeouts] of [
      ["before its answer", "", { firstByte: patience }],
      ["within its answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", { idle: patience }],
    ] as const) {
      for (const isSteady of [true, false]) {
        play(
          `an endpoint that ${isSteady ? "takes an upload slowly gets all of it" : "stops taking an upload is given up"}, ${when}`,
          async (stage) => {
            let peer: SlowPeer | undefined;
            await stage.start(
              await stage.endpoint((socket) => {
                const own = (peer = SlowPeer.accept(socket, "slowly"));
                stage.harness.atEnd(() => own.socket.destroy());
                if (early !== "") own.socket.write(early);
                void within(
                  40,
                  () => own.received > size || own.isClosed,
                  () => "",
                ).then(
                  () => own.socket.end(early === "" ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" : "k"),
                  () => {},
                );
              }, "by itself"),
              { body: patience },
              timeouts,
            );
            const uploader = stage.client("all", post);
            uploader.socket.write(body);
            if (!isSteady) {
              await within(
                10,
                () => (peer?.received ?? 0) > 20_000,
                () => "some of it came",
              );
              peer!.pace = "nothing";
            }
            await waitUntilOver(uploader);
            const [[status, reason]] = (await stage.reasons()) as [[number, string | null]];
            const failure = early === "" ? [504, "UPSTREAM_FIRST_BYTE_TIMEOUT"] : [200, "UPSTREAM_IDLE_TIMEOUT"];
            assert.deepEqual([status, reason], isSteady ? [200, null] : failure);
          },
        );
      }
    }

    play("a tunnel's client that takes slowly gets everything", async (stage) => {
      await stage.start(
        await stage.endpoint((socket) => {
          socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
          socket.write(body);
          socket.end();
        }),
        { write: patience },
      );
      const peer = stage.client(
        "slowly",
        get(
          "1.1",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
      );
      await within(
        40,
        () => peer.isOver,
        () => `${peer.received} bytes`,
      );
      assert.ok(peer.received > size, `${peer.received} bytes`);
      peer.socket.end();
      await eventually(() => peer.isClosed, "it is over");
    });
  }),
);
