/**
 * Peers on a Unix socket, who have no address: whom their forwarding fields name, and what limits by client do with the
 * others.
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { Origin } from "../support/origin.ts";
import { modes, Stage } from "../support/stage.ts";

const origin = await Origin.start((incoming, outgoing) =>
  outgoing.end(JSON.stringify({ xff: incoming.headers["x-forwarded-for"], forwarded: incoming.headers.forwarded })),
);
after(() => origin.close());

function ask(socketPath: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, headers, agent: false }, (response) => {
      let body = "";
      response
        .setEncoding("utf8")
        .on("data", (text: string) => {
          body += text;
        })
        .once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.once("error", reject).end();
  });
}

const config = (folder: string, workers: number, trustedProxies: readonly string[], rest: object = {}): ConfigInput =>
  ({
    workers,
    listeners: [{ address: `unix:${join(folder, "l.sock")}`, trustedProxies }],
    routes: [{ upstream: "app", ...rest }],
    upstreams: { app: { endpoints: [origin.url] } },
  }) as unknown as ConfigInput;

for (const [title, workers] of modes) {
  test(`a trusted peer's word goes on as it came, others' does not, ${title}`, async () => {
    const cases: readonly (readonly [
      trusted: readonly string[],
      sent: Record<string, string>,
      xff: string,
      forwarded?: string,
    ])[] = [
      [["unix"], { "x-forwarded-for": "192.0.2.7" }, "192.0.2.7"],
      [["unix:"], { "x-forwarded-for": "192.0.2.7, 10.0.0.1" }, "192.0.2.7, 10.0.0.1"],
      [["unix"], { forwarded: "for=192.0.2.7" }, "192.0.2.7", "for=192.0.2.7, for=unknown"],
      [["unix"], {}, "unknown"],
      [["10.0.0.0/8", "0.0.0.0/0", "::/0"], { "x-forwarded-for": "192.0.2.7" }, "unknown"],
      [[], { "x-forwarded-for": "192.0.2.7", forwarded: "for=192.0.2.7" }, "unknown"],
    ];
    const stage = await Stage.start((folder) => config(folder, workers, []));
    try {
      for (const [trusted, sent, xff, forwarded] of cases) {
        await stage.reload(config(stage.folder, workers, trusted));
        const found = JSON.parse((await ask(join(stage.folder, "l.sock"), sent)).body) as {
          xff?: string;
          forwarded?: string;
        };
        assert.equal(found.xff, xff, JSON.stringify([trusted, sent]));
        if (forwarded !== undefined) assert.ok(found.forwarded?.startsWith(forwarded), String(found.forwarded));
        else assert.equal(found.forwarded, undefined);
      }
    } finally {
      await stage.close();
    }
  });

  test(`a limit by client counts clients apart if the peer is trusted, else all together, ${title}`, async () => {
    const limited = { middlewares: [{ rateLimit: { rate: "1/h", burst: 2, name: "limit" } }] };
    const stage = await Stage.start((folder) => config(folder, workers, [], limited));
    const statuses = async (clients: readonly string[]): Promise<number[]> => {
      const found: number[] = [];
      for (const client of clients)
        found.push((await ask(join(stage.folder, "l.sock"), { "x-forwarded-for": client })).status);
      return found;
    };
    try {
      assert.deepEqual(await statuses(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]), [200, 200, 429, 429]);
      await stage.reload(config(stage.folder, workers, ["unix"], limited));
      assert.deepEqual(
        await statuses(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        [200, 200, 429, 200, 200],
      );
    } finally {
      await stage.close();
    }
  });
}

test("a route for a network takes the clients that a trusted peer names", async () => {
  const stage = await Stage.start(
    (folder) =>
      ({
        ...config(folder, 0, ["unix"]),
        routes: [{ match: { clientIp: ["192.0.2.0/24"] }, respond: { status: 403 } }, { upstream: "app" }],
      }) as unknown as ConfigInput,
  );
  try {
    const path = join(stage.folder, "l.sock");
    assert.deepEqual(
      [
        (await ask(path, { "x-forwarded-for": "192.0.2.7" })).status,
        (await ask(path, { "x-forwarded-for": "198.51.100.7" })).status,
        (await ask(path)).status,
      ],
      [403, 200, 200],
    );
  } finally {
    await stage.close();
  }
});
