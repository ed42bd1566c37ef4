import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { TimeSlices } from "../base/time-slices.ts";
import { packConfig, unpackConfig } from "./packed-config.ts";
import { parseConfig } from "./parse-config.ts";

const count = 1_000;

const config = parseConfig({
  listeners: [{ address: ":0" }],
  routes: Array.from({ length: count }, (_, at) => ({ match: { host: `h${at}.example.com` }, upstream: `u${at}` })),
  upstreams: Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`u${at}`, { endpoints: [`http://127.0.0.1:${1 + at}`] }]),
  ),
});

test("a configuration comes out as it was put in, its routes and upstreams in order", async () => {
  const packed = await packConfig(config);
  assert.deepEqual(await unpackConfig(packed), config);
  assert.deepEqual(Object.keys((await unpackConfig(packed)).upstreams), Object.keys(config.upstreams));
  const few = parseConfig({ listeners: [{ address: ":0" }], routes: [{ respond: {} }] });
  assert.deepEqual(await unpackConfig(await packConfig(few)), few);
});

test("a configuration is packed once, and goes on as it came", async () => {
  const packed = await packConfig(config);
  assert.equal(await packConfig(config), packed);
  assert.equal(await packConfig(await unpackConfig(packed)), packed);
});

test("other events are handled between any two parts", async () => {
  let turns = 0;
  const turning = (): void => {
    turns++;
    next = setImmediate(turning);
  };
  let next = setImmediate(turning);
  try {
    const packed = await packConfig({ ...config }, new TimeSlices(0));
    assert.ok(turns >= 16, `${turns} turns to pack it`);
    turns = 0;
    await unpackConfig(packed, new TimeSlices(0));
    assert.ok(turns >= 16, `${turns} turns to unpack it`);
  } finally {
    clearImmediate(next);
  }
});

test("another thread reads the same memory", async () => {
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.module).then(async ({ unpackConfig }) => parentPort.postMessage(await unpackConfig(workerData.packed)));`,
    {
      eval: true,
      workerData: { module: new URL("./packed-config.ts", import.meta.url).href, packed: await packConfig(config) },
    },
  );
  try {
    const [there] = await new Promise<unknown[]>((resolve, reject) => {
      worker.once("message", (...values) => resolve(values));
      worker.once("error", reject);
    });
    assert.deepEqual(there, config);
  } finally {
    await worker.terminate();
  }
});
