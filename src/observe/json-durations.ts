/** The five durations of a JSON line: mostly all short, and then one piece in which only digits change. */
import type { ExchangeRecord } from "../http/exchange-record.ts";
import type { LineBlock } from "./line-block.ts";

const keys = ["headMs", "waitMs", "connectMs", "firstByteMs", "totalMs"].map((name) => `,"${name}":`);
const [headMsKey, waitMsKey, connectMsKey, firstByteMsKey, totalMsKey] = keys.map((key) => Buffer.from(key)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
const zero = "0.000";
const shortOnes = Buffer.from(keys.map((key) => key + zero).join(""));
const headAt = headMsKey.length;
const waitAt = headAt + zero.length + waitMsKey.length;
const connectAt = waitAt + zero.length + connectMsKey.length;
const firstByteAt = connectAt + zero.length + firstByteMsKey.length;
const totalAt = firstByteAt + zero.length + totalMsKey.length;

/** Appends the five, each behind its key. */
export function writeDurations(record: ExchangeRecord, block: LineBlock): void {
  const { startedMs, headCompleteMs, attemptStartedMs } = record;
  const head = elapsedMicros(startedMs, headCompleteMs);
  const wait = elapsedMicros(headCompleteMs, attemptStartedMs);
  const connect = elapsedMicros(attemptStartedMs, record.connectedMs);
  const firstByte = elapsedMicros(attemptStartedMs, record.firstByteMs);
  const total = elapsedMicros(startedMs, record.endedMs);
  if (isShort(head) && isShort(wait) && isShort(connect) && isShort(firstByte) && isShort(total)) {
    const start = block.end;
    block.bytes(shortOnes);
    block.setShort(start + headAt, head);
    block.setShort(start + waitAt, wait);
    block.setShort(start + connectAt, connect);
    block.setShort(start + firstByteAt, firstByte);
    block.setShort(start + totalAt, total);
    return;
  }
  block.bytes(headMsKey);
  block.milliseconds(head);
  block.bytes(waitMsKey);
  block.milliseconds(wait);
  block.bytes(connectMsKey);
  block.milliseconds(connect);
  block.bytes(firstByteMsKey);
  block.milliseconds(firstByte);
  block.bytes(totalMsKey);
  block.milliseconds(total);
}

const isShort = (micros: number): boolean => micros >= 0 && micros < 10_000;

/** From one moment to a later one, both in milliseconds; -1 if either never happened. */
function elapsedMicros(fromMs: number, toMs: number): number {
  if (fromMs < 0 || toMs < 0) return -1;
  return toMs > fromMs ? Math.round((toMs - fromMs) * 1000) : 0;
}
