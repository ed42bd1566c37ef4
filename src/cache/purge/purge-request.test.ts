import assert from "node:assert/strict";
import { test } from "node:test";
import { readPurgeRequest } from "./purge-request.ts";

for (const [request, expected] of [
  [{ url: "https://Example.com/a" }, [{ kind: "url", value: "https://example.com/a", isSoft: false }]],
  [{ url: "https://h/a", soft: true }, [{ kind: "url", value: "https://h/a", isSoft: true }]],
  [
    { urls: ["http://h/a", "http://h/b"] },
    [
      { kind: "url", value: "http://h/a", isSoft: false },
      { kind: "url", value: "http://h/b", isSoft: false },
    ],
  ],
  // Without the slash, the prefix of one host would be that of others, too.
  [{ prefix: "https://h" }, [{ kind: "prefix", value: "https://h/", isSoft: false }]],
  [{ prefix: "https://h/a.*" }, [{ kind: "prefix", value: "https://h/a.*", isSoft: false }]],
  [{ tag: "news" }, [{ kind: "tag", value: "news", isSoft: false }]],
  [{ tag: " a,b\n" }, [{ kind: "tag", value: " a,b\n", isSoft: false }]],
  [{ tag: "ä" }, [{ kind: "tag", value: "\xc3\xa4", isSoft: false }]],
  [
    { tags: ["a", "b"] },
    [
      { kind: "tag", value: "a", isSoft: false },
      { kind: "tag", value: "b", isSoft: false },
    ],
  ],
  [{ all: true, soft: false }, [{ kind: "all", value: "", isSoft: false }]],
] as const)
  test(`${JSON.stringify(request)} is understood`, () => assert.deepEqual(readPurgeRequest(request), expected));

for (const [request, sentence] of [
  [undefined, /^A purge is an object/],
  [null, /^A purge is an object/],
  [[], /^A purge is an object/],
  ["https://h/", /^A purge is an object/],
  [{}, /exactly one/],
  [{ soft: true }, /exactly one/],
  [{ url: "https://h/", tag: "a" }, /exactly one/],
  [{ URL: "https://h/" }, /no "URL"/],
  [{ url: 5 }, /"url" is a text/],
  [{ url: "/a" }, /not the URL/],
  [{ url: "https://user@h/" }, /not the URL/],
  [{ prefix: "" }, /not the URL/],
  [{ prefix: "http" }, /not the URL/],
  [{ url: `https://h/${"x".repeat(9_000)}` }, /at most 8192 bytes/],
  [{ tag: "" }, /not empty/],
  [{ tag: "ä".repeat(4_097) }, /at most 8192 bytes/],
  [{ tags: "a" }, /list of texts/],
  [{ tags: [] }, /list of texts/],
  [{ tags: ["a", 5] }, /list of texts/],
  [{ tags: Array.from({ length: 1_025 }, () => "a") }, /more than 1024/],
  [{ all: false }, /only be true/],
  [{ tag: "a", soft: "yes" }, /"soft" is true or false/],
] as const)
  test(`${JSON.stringify(request)?.slice(0, 60)} is refused with a sentence`, () => {
    const answer = readPurgeRequest(request);
    assert.ok(typeof answer === "string" && answer.endsWith("."), JSON.stringify(answer));
    assert.match(answer, sentence);
  });
