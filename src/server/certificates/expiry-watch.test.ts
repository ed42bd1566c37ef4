import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import { type CertificateMaterial, noTlsMaterial, type TlsMaterial } from "../../net/tls/tls-material.ts";
import { ExpiryWatch } from "./expiry-watch.ts";

const dayMs = 86_400_000;

function certificate(id: string, days: { from: number; to: number }): CertificateMaterial {
  return {
    id,
    names: [`${id}.test`],
    certPem: "",
    keyPem: "",
    keyType: "ec",
    notBeforeMs: days.from * dayMs,
    notAfterMs: days.to * dayMs,
    responder: null,
    ocsp: null,
  };
}

function materialOf(...certificates: readonly CertificateMaterial[]): TlsMaterial {
  return {
    ...noTlsMaterial,
    certificates: new Map(certificates.map((one) => [one.id, one])),
    listeners: new Map([["main", { certificates: certificates.map(({ id }) => id) }]]) as never,
  };
}

test("little life left is told once a step, and not of a certificate that was replaced in time", () => {
  const scheduler = new ManualScheduler();
  const startMs = scheduler.clock.now();
  const lines: string[] = [];
  const log = (level: string) => (message: string, fields: object | undefined) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const watch = new ExpiryWatch({ logger, scheduler, now: () => scheduler.clock.now() - startMs });
  watch.adopt(materialOf(certificate("long", { from: -10, to: 80 }), certificate("short", { from: -1, to: 5 })));
  assert.equal(lines.length, 0);
  const linesAfter = (days: number): string[] => {
    lines.splice(0);
    for (let step = 0; step < days * 24; step++) scheduler.advance(3_600_000);
    return lines.map((line) => line.replace(/ \{.*/, ""));
  };
  assert.deepEqual(linesAfter(3), []);
  assert.deepEqual(linesAfter(3), [
    "warn a certificate expires in 35 h and was not replaced yet",
    "warn a certificate expires in 14 h and was not replaced yet",
    "warn a certificate expires in 4 h and was not replaced yet",
    "error a certificate has expired and was not replaced",
  ]);
  watch.adopt(materialOf(certificate("long", { from: -10, to: 80 }), certificate("next", { from: 5, to: 95 })));
  assert.deepEqual(linesAfter(53), ["warn a certificate expires in 22 days and was not replaced yet"]);
  const samples: [readonly string[], number][] = [];
  watch.collect((_family, labels, value) => void samples.push([labels, value]));
  assert.deepEqual(samples, [
    [["main", "long.test", "ec"], 21 * 86_400],
    [["main", "next.test", "ec"], 36 * 86_400],
  ]);
  assert.deepEqual(watch.describe()[0], {
    listener: "main",
    names: ["long.test"],
    keyType: "ec",
    notAfter: new Date(80 * dayMs).toISOString(),
    expiresInSeconds: 21 * 86_400,
  });
  watch.close();
  assert.equal(scheduler.pendingCount, 0);
});
