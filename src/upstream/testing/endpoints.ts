/** Endpoints for tests that look at everything but what is sent to them. */
import assert from "node:assert/strict";
import type { EndpointSpec } from "../endpoint.ts";
import type { Transport } from "../transport.ts";

/** An endpoint of weight 1 at `port` of this machine, with `more` about it. */
export const specAt = (port: number, more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  url: `http://127.0.0.1:${port}`,
  host: "127.0.0.1",
  port,
  socketPath: null,
  weight: 1,
  isBackup: false,
  ...more,
});

/** A transport that sends nothing, made anew: it is told apart from others, and counts no connections. */
export const idleTransport = (): Transport => ({
  send: () => assert.fail("nothing is sent"),
  openWire: () => assert.fail("nothing is opened"),
  noteWireClosed: () => {},
  isHolding: () => false,
  drain: () => {},
  close: () => {},
  connectionCount: 0,
  idleCount: 0,
});
