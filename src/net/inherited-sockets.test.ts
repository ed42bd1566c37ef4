import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setEnvironmentData, Worker } from "node:worker_threads";
import { once } from "node:events";
import { descriptorOf, takeInheritedSockets } from "./inherited-sockets.ts";

afterEach(() => setEnvironmentData("millrace inherited sockets", undefined as never));

const take = (environment: Record<string, string>): Record<string, string> => {
  const given = { ...environment };
  takeInheritedSockets(given, 77);
  return given;
};

test("sockets are found by their names, numbers are descriptors", () => {
  take({ LISTEN_PID: "77", LISTEN_FDS: "3", LISTEN_FDNAMES: "web:millrace.socket:admin" });
  assert.deepEqual([descriptorOf("web"), descriptorOf("millrace.socket"), descriptorOf("admin")], [3, 4, 5]);
  assert.equal(descriptorOf(9), 9);
});

test("nothing of it is left in the environment", () => {
  for (const pid of ["77", "78"])
    assert.deepEqual(take({ LISTEN_PID: pid, LISTEN_FDS: "1", LISTEN_FDNAMES: "a", HOME: "/" }), { HOME: "/" });
});

test("a name that none or several have is told, with those that there are", () => {
  assert.throws(() => descriptorOf("web"), /no sockets have been passed on/);
  take({ LISTEN_PID: "77", LISTEN_FDS: "3", LISTEN_FDNAMES: "web:api:web" });
  assert.throws(() => descriptorOf("web"), /several sockets; write fd:3 or fd:5/);
  assert.throws(() => descriptorOf("www"), /what has been passed on is fd:web, fd:api, fd:web/);
});

test("what is meant for another process, or malformed, is nothing", () => {
  for (const environment of [
    { LISTEN_PID: "78", LISTEN_FDS: "1", LISTEN_FDNAMES: "web" },
    { LISTEN_FDS: "1", LISTEN_FDNAMES: "web" },
    { LISTEN_PID: "77", LISTEN_FDS: "-1", LISTEN_FDNAMES: "web" },
    { LISTEN_PID: "77", LISTEN_FDS: "99999999", LISTEN_FDNAMES: "web" },
    { LISTEN_PID: "77", LISTEN_FDNAMES: "web" },
  ]) {
    take(environment);
    assert.throws(() => descriptorOf("web"), /no sockets have been passed on/);
  }
});

test("every thread that begins later knows them", async () => {
  take({ LISTEN_PID: "77", LISTEN_FDS: "1", LISTEN_FDNAMES: "web" });
  const module = new URL("./inherited-sockets.ts", import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(module)}).then(({ descriptorOf }) => require("node:worker_threads").parentPort.postMessage(descriptorOf("web")))`,
    { eval: true },
  );
  assert.deepEqual(await once(worker, "message"), [3]);
});
