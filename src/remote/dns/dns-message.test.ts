import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import {
  type DnsMessage,
  type DnsQuestion,
  isAnswerTo,
  isDomainName,
  maxUdpBytes,
  readAnswer,
  recordCodes,
  writeQuestion,
} from "./dns-message.ts";

const question: DnsQuestion = { name: "api.test", type: "SRV" };

/** Bytes of a name; a number is a pointer to that place. */
function name(...labels: (string | number)[]): number[] {
  const bytes = labels.flatMap((label) =>
    typeof label === "number" ? [0xc0 | (label >> 8), label & 255] : [label.length, ...Buffer.from(label, "latin1")],
  );
  return typeof labels.at(-1) === "number" ? bytes : [...bytes, 0];
}

function u16(...values: number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 255]);
}

function u32(value: number): number[] {
  return u16(value >>> 16, value & 0xffff);
}

interface Written {
  readonly owner?: number[];
  readonly type: number;
  readonly class?: number;
  readonly ttl?: number;
  readonly data: readonly number[];
  /** What the record says of its length. */
  readonly length?: number;
}

function record({ owner = name(12), type, class: recordClass = 1, ttl = 30, data, length }: Written): number[] {
  return [...owner, ...u16(type, recordClass), ...u32(ttl), ...u16(length ?? data.length), ...data];
}

/** The answer to `question` with these records in its three sections. */
function answer(
  sections: readonly [Written[]?, Written[]?, Written[]?],
  { flags = 0x8180, asked = question }: { flags?: number; asked?: DnsQuestion } = {},
): Buffer {
  const counts = [0, 1, 2].map((at) => sections[at]?.length ?? 0);
  const head = [...u16(7, flags, 1, ...counts), ...name(...asked.name.split(".")), ...u16(recordCodes[asked.type], 1)];
  return Buffer.from([...head, ...sections.flatMap((records) => (records ?? []).flatMap(record))]);
}

/** What an answer says, a word a record. */
function said(message: DnsMessage | null): string[] | null {
  if (message === null) return null;
  return [...message.answers, ...message.authorities, ...message.extras].map(
    ({ owner, type, ttl, value, priority, weight, port }) =>
      `${owner} ${ttl} ${type} ${type === "SRV" ? `${priority} ${weight} ${port} ` : ""}${value}`,
  );
}

const { A, AAAA, CNAME, SOA, SRV } = recordCodes;

test("a question is written as RFC 1035 says, with the size of datagrams that we take", () => {
  assert.deepEqual(
    [...writeQuestion(0x1234, { name: "a.test", type: "AAAA" }, "edns")],
    [
      ...u16(0x1234, 0x0100, 1, 0, 0, 1),
      ...name("a", "test"),
      ...u16(28, 1),
      ...[0, ...u16(41, maxUdpBytes), ...u32(0), ...u16(0)],
    ],
  );
  assert.deepEqual(
    [...writeQuestion(0, { name: "a", type: "A" }, "plain")],
    [...u16(0, 0x0100, 1, 0, 0, 0), ...name("a"), ...u16(1, 1)],
  );
});

test("the kinds of records that say where something is are read from all three sections, others are passed over", () => {
  const message = readAnswer(
    answer([
      [
        { type: CNAME, data: name("WWW", 12) },
        { type: A, owner: name("www", 12), data: [10, 0, 0, 1] },
        { type: AAAA, data: [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1] },
        { type: SRV, ttl: 0xffff_ffff, data: [...u16(1, 65_535, 8080), ...name("n1", 12)] },
        { type: SRV, data: [...u16(0, 0, 0), 0] },
        { type: 16, data: [3, 97, 98, 99] },
        { type: A, class: 3, data: [10, 0, 0, 9] },
      ],
      [
        {
          type: SOA,
          ttl: 900,
          data: [...name("ns", 12), ...name(12), ...u32(1), ...u32(2), ...u32(3), ...u32(4), ...u32(60)],
        },
      ],
      [
        { type: A, owner: name("n1", "api", "test"), data: [10, 0, 0, 2] },
        { type: 41, owner: [0], class: 4096, ttl: 0x0100_0000, data: [] },
      ],
    ]),
  );
  assert.deepEqual(said(message), [
    "api.test 30 CNAME www.api.test",
    "www.api.test 30 A 10.0.0.1",
    "api.test 30 AAAA 2001:db8::1",
    "api.test 0 SRV 1 65535 8080 n1.api.test",
    "api.test 30 SRV 0 0 0 ",
    "api.test 60 SOA ",
    "n1.api.test 30 A 10.0.0.2",
  ]);
  assert.deepEqual([message?.code, message?.isTruncated, message?.malformedCount], [16, false, 0]);
});

test("a record whose contents are malformed is left out and counted; the others are used", () => {
  const malformed: Written[] = [
    { type: A, data: [10, 0, 0] },
    { type: AAAA, data: [10, 0, 0, 1] },
    { type: CNAME, data: [1] },
    { type: CNAME, data: [...name("a"), 0] },
    { type: SRV, data: u16(0, 0, 80) },
    { type: SRV, data: [...u16(0, 0, 80), ...name(400)] },
    { type: SOA, data: [0, 0] },
  ];
  for (const one of malformed) {
    const message = readAnswer(answer([[one, { type: A, data: [10, 0, 0, 1] }]]));
    assert.deepEqual([said(message), message?.malformedCount], [["api.test 30 A 10.0.0.1"], 1], JSON.stringify(one));
  }
});

test("a message whose lengths or names lead nowhere is refused: no loop, nothing beyond its end", () => {
  const valid = { type: A, data: [10, 0, 0, 1] };
  const ends = answer([[valid]]);
  const at = answer([]).length;
  const refused: [what: string, bytes: Buffer][] = [
    ["a pointer to itself", answer([[{ ...valid, owner: name(at) }]])],
    ["a pointer forward", answer([[{ ...valid, owner: name(at + 2) }]])],
    ["pointers in a circle", answer([[valid, { ...valid, owner: [...name("a", at + 16)] }]])],
    [
      "a name of more than 255 bytes",
      answer([[{ ...valid, owner: name(...new Array<string>(5).fill("x".repeat(60))) }]]),
    ],
    ["a label of a kind that is not defined", answer([[{ ...valid, owner: [0x80, 0] }]])],
    ["data beyond the end", answer([[{ ...valid, length: 5 }]])],
    ["fewer records than announced", Buffer.concat([ends.subarray(0, 6), Buffer.from(u16(2)), ends.subarray(8)])],
    ...Array.from({ length: 16 }, (_, cut): [string, Buffer] => [`${cut + 1} bytes short`, ends.subarray(0, -1 - cut)]),
  ];
  for (const [what, bytes] of refused) assert.equal(readAnswer(bytes), null, what);
});

test("what is in a name cannot pass for another: dots within a label, bytes that are not printable", () => {
  const message = readAnswer(answer([[{ type: CNAME, data: name("a.b", "\u0000\\é", "TEST") }]]));
  assert.deepEqual(said(message), ["api.test 30 CNAME a\\046b.\\000\\092\\233.test"]);
  assert.equal(isDomainName(message!.answers[0]!.value), false);
  for (const good of ["a", "_http._tcp.api.test", `${"x".repeat(63)}.test`])
    assert.equal(isDomainName(good), true, good);
  for (const bad of [
    "",
    ".",
    "a.",
    "a..b",
    "A",
    "a b",
    "*.a",
    "x".repeat(64),
    new Array<string>(128).fill("a").join("."),
  ])
    assert.equal(isDomainName(bad), false, bad);
});

test("only what has the id, the question and the marks of an answer is one", () => {
  const good = answer([[{ type: A, data: [10, 0, 0, 1] }]]);
  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[at] = byte;
    return bytes;
  };
  assert.equal(isAnswerTo(good, 7, question), true);
  assert.equal(isAnswerTo(changed(13, 65), 7, question), true, "names have no case");
  assert.equal(isAnswerTo(Buffer.from(u16(7, 0x8181, 0, 0, 0, 0)), 7, question), true, "not understood at all");
  const wrong: [what: string, bytes: Buffer, id?: number, asked?: DnsQuestion][] = [
    ["another id", good, 8],
    ["another name", good, 7, { ...question, name: "api.tes" }],
    ["another type", good, 7, { ...question, type: "A" }],
    ["another class", changed(25, 3)],
    ["a question", changed(2, 0x01)],
    ["another operation", changed(2, 0x91)],
    ["two questions", changed(5, 2)],
    ["no question", changed(5, 0)],
    ["a stub", good.subarray(0, 11)],
    ["a question cut off", good.subarray(0, 25)],
  ];
  for (const [what, bytes, id = 7, asked = question] of wrong) assert.equal(isAnswerTo(bytes, id, asked), false, what);
});

test("garbage is read to an end, whatever it is", () => {
  const random = seededRandom(5);
  const whole = answer([
    [
      { type: CNAME, data: name("www", 12) },
      { type: SRV, data: [...u16(1, 2, 3), ...name("n1", 12)] },
    ],
    [],
    [{ type: A, owner: name("n1", 12), data: [10, 0, 0, 2] }],
  ]);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(whole);
    for (let change = 0; change < 4; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    const message = readAnswer(bytes.subarray(0, 12 + Math.floor(random() * (bytes.length - 11))));
    for (const owner of (message?.answers ?? []).map((one) => one.owner)) assert.ok(owner.length <= 4 * 255);
  }
});
