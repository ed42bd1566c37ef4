/** The guides name metrics, labels, reason codes and lines of the log: they must be those of the sources. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { reasons } from "../../src/http/reason.ts";
import { allFamilies } from "../../src/observe/families.ts";

const root = dirname(dirname(import.meta.dirname));
const guides = globSync(["docs/guides/*.md", "README.md", "CHANGELOG.md"], { cwd: root }).map((file) => ({
  file,
  text: readFileSync(join(root, file), "utf8"),
}));
const sources = globSync("src/**/*.ts", { cwd: root, exclude: (name) => name.endsWith(".test.ts") })
  .map((file) => readFileSync(join(root, file), "utf8"))
  .join("\n");

/** What `pattern` captures first, anywhere in the guides, with the file where it stands. */
function findAll(pattern: RegExp): { readonly file: string; readonly found: string }[] {
  return guides.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].map((match) => ({ file, found: match[1] ?? "" })),
  );
}

test("every metric and label that a guide names exists", () => {
  const labelsOf = new Map(allFamilies.map(({ name, labels }) => [name, labels]));
  const named = findAll(/\b((?:millrace|process|nodejs)_[a-z_]+(?:\{[^}]*\})?)/g);
  assert.ok(named.length > 50, `${named.length} metrics`);
  const wrong = named.filter(({ found }) => {
    const [name = "", labels = ""] = found.split(/[{}]/);
    const known = labelsOf.get(name);
    return (
      known === undefined ||
      labels.split(",").some((label) => label !== "" && !known.includes(label.split("=")[0] ?? ""))
    );
  });
  assert.deepEqual(wrong, []);
});

test("every reason code that a guide names exists", () => {
  const named = [...findAll(/`([A-Z]+(?:_[A-Z]+)*)`/g), ...findAll(/"reason":"([A-Z_]+)"/g)];
  const others = new Set([
    ...["CAP_NET_BIND_SERVICE", "TMPDIR", "UV_THREADPOOL_SIZE", "HEAD", "GET", "POST"],
    ...["ETCDCTL_USER", "ETCDCTL_PASSWORD", "CONSUL_HTTP_TOKEN"],
  ]);
  const codes = named.filter(
    ({ found }) => found.includes("_") && !found.startsWith("MILLRACE_") && !others.has(found),
  );
  assert.ok(codes.length > 40, `${codes.length} codes`);
  assert.deepEqual(
    codes.filter(({ found }) => !(found in reasons)),
    [],
  );
});

test("every reason code is explained in the guide to what goes wrong", () => {
  const guide = readFileSync(join(root, "docs/guides/troubleshooting.md"), "utf8");
  assert.deepEqual(
    Object.keys(reasons).filter((code) => !guide.includes(`\`${code}\``)),
    [],
  );
});

test("every line of the log that a guide shows is one that the sources write", () => {
  const lines = findAll(/^\{"level":"\w+","message":"([^"]+)"/gm);
  assert.ok(lines.length > 15, `${lines.length} lines`);
  const templates = [...sources.matchAll(/`([\w ]{8,})\$\{\w+\}`/g)].map((match) => match[1] ?? "");
  const isWritten = (message: string): boolean =>
    sources.includes(`"${message}"`) || templates.some((start) => message.startsWith(start));
  assert.deepEqual(
    lines.filter(({ found }) => !isWritten(found)),
    [],
  );
});

test("every line of the log that a guide shows has fields that can be read as JSON", () => {
  for (const { file, text } of guides) {
    for (const [line] of text.matchAll(/^\{"level":.*$/gm))
      assert.doesNotThrow(() => JSON.parse(line) as unknown, `${file}: ${line}`);
  }
});
