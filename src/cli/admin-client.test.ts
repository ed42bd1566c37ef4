import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { postReload } from "./admin-client.ts";
import { CommandFailure } from "./failure.ts";

/** What `postReload` makes of an answer; the request is checked on the way. */
async function ask(status: number, body: string, token: string | null): Promise<unknown> {
  const server = createServer((request, response) => {
    assert.equal(`${request.method} ${request.url}`, "POST /api/v1/reload");
    assert.equal(request.headers.authorization, token === null ? undefined : `Bearer ${token}`);
    response.writeHead(status).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await postReload({ kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port }, token);
  } finally {
    server.close();
  }
}

test("an applied reload is told with its report", async () => {
  assert.deepEqual(await ask(200, '{"report":"1 route changed"}', "secret"), {
    isApplied: true,
    report: "1 route changed",
  });
});

test("a refused reload is told with its problems", async () => {
  assert.deepEqual(await ask(422, '{"report":"a.yaml:1:1: error"}', null), {
    isApplied: false,
    report: "a.yaml:1:1: error",
  });
});

for (const [name, status, body, token, message] of [
  ["a missing token", 401, "{}", null, /wants a token/],
  ["a weak token", 403, "{}", "secret", /does not take this token/],
  ["something else that listens", 200, "<html>", null, /not the admin listener/],
] as const) {
  test(`${name} is said in a sentence`, async () => {
    await assert.rejects(
      ask(status, body, token),
      (error: unknown) => error instanceof CommandFailure && message.test(error.message),
    );
  });
}

test("nobody there is said in a sentence", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  await assert.rejects(postReload({ kind: "tcp", host: "127.0.0.1", port }, null), /nothing listens on/);
});
