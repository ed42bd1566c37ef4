import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { configFormOf, findConfigFile } from "./config-file.ts";
import { digestOf } from "./file-digest.ts";
import { loadConfig } from "./config-loader.ts";
import { parseConfigText } from "./parse-config-text.ts";
import { ConfigError } from "./problem.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-config-"));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

const write = async (name: string, text: string | Uint8Array): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};

const upstreams = 'upstreams: { api: { endpoints: ["http://a:1"] } }\n';
const minimal = `listeners: [{ address: ":8080" }]\nroutes: [{ upstream: api }]\n${upstreams}`;

/** Problems as `line:column length message (hint)`. */
function problemsOf(text: string, options: { isJson?: boolean; environment?: Record<string, string> } = {}): string[] {
  try {
    parseConfigText(text, { file: "f.yaml", environment: {}, ...options });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(
      (problem) =>
        `${problem.line}:${problem.column} ${problem.length} ${problem.message}${problem.hint === null ? "" : ` (${problem.hint})`}`,
    );
  }
}

async function failureOf(file: string): Promise<ConfigError> {
  let failure: unknown;
  await assert.rejects(loadConfig(file), (error) => {
    failure = error;
    return true;
  });
  assert.ok(failure instanceof ConfigError, String(failure));
  return failure;
}

test("problems stand at the value, at the key if it is unknown, and at the parent if something is missing", () => {
  assert.deepEqual(
    problemsOf(
      `listeners:\n  - adres: ":8080"\n    limits:\n      headBytes: 1\n  - name: x\nroutes:\n  - upstream: apu\n${upstreams}`,
    ),
    [
      '2:5 5 unknown key "adres" (did you mean "address"?)',
      "4:18 1 1 is too small; at least 256B",
      '5:5 4 "address" is missing',
      '7:15 3 there is no upstream "apu" (did you mean "api"?)',
    ],
  );
});

test("problems in flow style, behind anchors, merges and aliases stand where the text is", () => {
  assert.deepEqual(
    problemsOf(
      `listeners: [{ address: ":1", limits: { headFields: x } }]\nroutes: [{ upstream: a }]\nupstreams:\n  a: &base\n    endpoints: [http://a]\n    balance: rr\n  b: *base\n  c:\n    <<: *base\n    pool: { maxIdle: -1 }\n`,
    ),
    [
      '1:52 1 expected a number, not the text "x"',
      '6:14 2 "rr" is not "round-robin" or "least-connections" or "random" or "power-of-two" or "peak-ewma" or "ip-hash" or a section (keys and values)',
      "10:22 2 -1 is too small; at least 0",
    ],
  );
});

test("mistakes in the syntax are explained in plain words", () => {
  for (const [text, problem] of [
    ["listeners: []\nlisteners: []\n", '2:1 9 the key "listeners" is there twice'],
    ["a:\n\t- b\n", "2:1 "],
    ["a: [1, 2\nb: 3\n", '2:1 1 a "[" or "{" above is not closed before this'],
    ["a: b: c\n", '1:4 1 there is a second ":" in this value'],
    ["a:\n  b: 1\n c: 2\n", "3:1 "],
    ["routes\n  - a: b\n", '1:1 6 a key has no ":" after it'],
    [
      "host: *.example.com\n",
      '1:7 13 "*.example.com" refers to an anchor that is not there (if this is text, put it in quotes',
    ],
    ["a: { b: ${NAME} }\n", "1:10 1 inside { } and [ ], a reference to the environment must be in quotes"],
    ["a: 1\n---\nb: 2\n", "2:1 3 a configuration is one document"],
    ["a: !thing x\n", "1:4 6 tags are not known here"],
    ["", "1:1 1 the configuration is empty"],
    ["just text", "1:1 9 a configuration is a section"],
    ["- a\n", "1:1 3 a configuration is a section"],
  ] as const) {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1, problems.join("; "));
    assert.ok(problems[0]?.startsWith(problem), `${JSON.stringify(text)}: ${problems[0]}`);
  }
});

test("aliases that unfold without end are refused", () => {
  const lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (const [name, of] of ["ab", "bc", "cd", "de", "ef", "fg", "gh"].map((pair) => [pair[1], pair[0]]))
    lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(",")}]`);
  assert.match(problemsOf(lines.join("\n"))[0] ?? "", /alias/);
});

test("an anchor may be used thousands of times", () => {
  const routes = Array.from(
    { length: 5_000 },
    (_, at) => `  - { match: { path: /r${at} }, middlewares: *shared, <<: *rest }\n`,
  ).join("");
  const text =
    `listeners: [{ address: ":1" }]\nupstreams: { a: { endpoints: ["http://a"] } }\nroutes:\n  - &first\n    match: { path: /first }\n    middlewares: &shared\n      - headers: { request: { set: { x-env: prod } } }\n` +
    `    upstream: a\n  - &rest { upstream: a }\n${routes}`;
  const config = parseConfigText(text, { file: "f.yaml", environment: {} });
  assert.equal(config.routes.length, 5_002);
  assert.deepEqual(config.routes[5_001]?.middlewares, config.routes[0]?.middlewares);
  assert.equal(config.routes[5_001]?.upstream, "a");
});

test("an alias within what it stands for, and a merge of what is no section, are told in their place", () => {
  assert.match(problemsOf("a: &a [1, *a]\n")[0] ?? "", /^1:11 2 "\*a" stands within what it stands for/);
  assert.match(problemsOf("a: &a 1\nb: { <<: *a }\n")[0] ?? "", /^2:10 2 what "<<" merges is a section/);
});

test("merged keys give way to those that are written, wherever these stand, and earlier sources go before later ones", () => {
  const text = `x-one: &one { status: 201, body: one }\nx-two: &two { status: 202, contentType: text/x }\nlisteners: [{ address: ":1" }]\nroutes:\n  - respond: { <<: [*one, *two], body: own }\n  - respond: { body: own, <<: *one }\n`;
  const config = parseConfigText(text, { file: "f.yaml", environment: {} });
  assert.deepEqual(
    config.routes.map(({ respond }) => [respond?.status, respond?.body, respond?.contentType]),
    [
      [201, "own", "text/x"],
      [201, "own", "text/plain; charset=utf-8"],
    ],
  );
});

test("top-level keys that begin with x- hold what anchors are for, and say nothing; elsewhere and without the hyphen they are unknown", () => {
  assert.deepEqual(problemsOf(`x-shared: &s { nonsense: 1 }\nx-: 1\n${minimal}`), []);
  assert.match(problemsOf(`xshared: 1\n${minimal}`)[0] ?? "", /unknown key "xshared"/);
  assert.match(
    problemsOf('listeners: [{ address: ":1", x-a: 1 }]\nroutes: [{ respond: {} }]\n')[0] ?? "",
    /unknown key "x-a"/,
  );
});

test("deep nesting is one sentence, whatever it is made of", () => {
  for (const text of [
    "[".repeat(100_000),
    "{a: ".repeat(25_000),
    `a:\n ${"- ".repeat(50_000)}`,
    "? ".repeat(50_000),
    `[${"[".repeat(50_000)}${"]".repeat(50_000)}]`,
    '{"a":'.repeat(20_000),
  ]) {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /nested too deeply/, text.slice(0, 10));
  }
});

test("however many keys are there twice, all are told", () => {
  const count = 130_000;
  assert.equal(problemsOf(`${minimal}x-a: {${"a,".repeat(count)}}`).length, count - 1);
});

test("thousands of values from the environment cost no more than a few readings", () => {
  const upstreams = Array.from(
    { length: 1_000 },
    (_, at) =>
      `  a${at}:\n    endpoints: [{ url: "http://127.0.0.1:${24_000 + at}", weight: "\${W}" }]\n    pool: { maxIdle: "\${IDLE}" }\n`,
  ).join("");
  const text = `listeners: [{ address: ":1" }]\nroutes: [{ upstream: a0 }]\nupstreams:\n${upstreams}`;
  const config = parseConfigText(text, { file: "f.yaml", environment: { W: "3", IDLE: "64" } });
  assert.deepEqual([config.upstreams["a999"]?.endpoints[0]?.weight, config.upstreams["a999"]?.pool.maxIdle], [3, 64]);
});

test("of several values from the environment each is judged by itself", () => {
  const text = `${minimal}workers: "\${W}"\nlog: { level: "\${L}" }\nadmin: "\${A}"\n`;
  assert.deepEqual(
    problemsOf(text, { environment: { W: "3", L: "4", A: "false" } }).map((problem) => problem.split(" ")[0]),
    ["5:15"],
  );
  assert.deepEqual(problemsOf(text, { environment: { W: "-3", L: "info", A: "true" } }).length, 1);
});

test("a JSON file is JSON and nothing more", () => {
  const text = JSON.stringify(
    { listeners: [{ address: ":1" }], routes: [{ respond: { body: '\u00e9 \ud83d\ude00 "\\/' } }] },
    null,
    2,
  );
  assert.equal(
    parseConfigText(text, { file: "f.json", isJson: true }).routes[0]?.respond?.body,
    '\u00e9 \ud83d\ude00 "\\/',
  );
  assert.match(problemsOf('{ "a": [1,] }', { isJson: true })[0] ?? "", /^1:11 1 "\]" cannot stand here in JSON/);
  assert.match(
    problemsOf('{ "a": 1, # no\n "b": 2 }', { isJson: true })[0] ?? "",
    /^1:11 1 "#" cannot stand here in JSON/,
  );
  assert.match(problemsOf('{ "a": 1, "a": 2 }', { isJson: true })[0] ?? "", /^1:11 3 the key "a" is there twice/);
  assert.match(
    problemsOf('{ "routes": [{ "respond": {} }],\n  "listeners": [{ "address": 8080 }] }', { isJson: true })[0] ?? "",
    /^2:30 4 8080 is not an address; write ":8080"/,
  );
});

test("references to the environment take the type of their place", () => {
  const text = `workers: \${W}\nlisteners: [{ address: "\${HOST:-127.0.0.1}:\${PORT}" }]\nroutes: [{ upstream: api }]\nupstreams:\n  api:\n    endpoints: ["http://a"]\n    pool: { pipelining: "\${P}" }\nlog: { access: "\${A}" }\nadmin: { tokens: [{ token: "\${T}" }] }\n`;
  const config = parseConfigText(text, {
    file: "f.yaml",
    environment: { W: "2", PORT: "0", P: "4", A: "false", T: "1234567890" },
  });
  assert.deepEqual(
    [
      config.workers,
      config.listeners[0]?.name,
      config.upstreams["api"]?.pool.pipelining,
      config.log.access,
      config.admin?.tokens[0]?.token,
    ],
    [2, "127.0.0.1:0", 4, null, "1234567890"],
  );
  assert.equal(
    parseConfigText(text, { file: "f.yaml", environment: { W: "auto", PORT: "0", P: "4", A: "true", T: "1234567890" } })
      .workers,
    "auto",
  );
});

test("every variable that is not set is told, in its place", () => {
  assert.deepEqual(problemsOf(`a: "\${ONE}"\nb: "x \${TWO:-2} \${THREE}"\n`), [
    '1:5 6 the environment variable ONE is not set (set it, or write "${ONE:-default}")',
    '2:17 8 the environment variable THREE is not set (set it, or write "${THREE:-default}")',
  ]);
});

test("a wrong value from the environment is shown as it is in the file, and a token not at all", () => {
  const text = `${minimal}workers: "\${W}"\nadmin: { tokens: [{ token: "\${T}" }] }\n`;
  let message = "";
  assert.throws(
    () => parseConfigText(text, { file: "f.yaml", environment: { W: "many", T: "s3cr" } }),
    (error) => {
      message = String(error);
      return true;
    },
  );
  assert.ok(message.includes("f.yaml:4:10") && message.includes('workers: "${W}"'), message);
  assert.ok(!message.includes("s3cr"), message);
});

test("the first of the default files is found", async () => {
  assert.equal(await findConfigFile(folder), null);
  for (const name of ["millrace.config.js", "millrace.json", "millrace.yaml"]) {
    const file = await write(name, minimal);
    assert.equal(await findConfigFile(folder), file);
  }
  assert.deepEqual(["a.yaml", "a.YML", "a.json", "a.ts", "a.mjs", "a", "a.conf"].map(configFormOf), [
    "yaml",
    "yaml",
    "json",
    "module",
    "module",
    "yaml",
    "yaml",
  ]);
});

test("a file that cannot be read is one clear problem", async () => {
  const misspelt = await failureOf(join(folder, "milrace.yaml"));
  assert.match(misspelt.message, /milrace\.yaml: error: there is no such file\n {2}did you mean "millrace\.yaml"\?/);
  assert.match((await failureOf(join(folder, "none/at/all.yaml"))).message, /folder does not exist/);
  assert.match((await failureOf(folder)).message, /this is a directory/);
  assert.match((await failureOf(await write("bad.yaml", new Uint8Array([0xff, 0xfe, 0])))).message, /not UTF-8/);
});

test("a byte order mark and CR LF are taken", async () => {
  const config = await loadConfig(await write("bom.yaml", `\ufeff${minimal.replaceAll("\n", "\r\n")}`));
  assert.equal(config.listeners.length, 1);
  assert.deepEqual(
    problemsOf("listeners: []\r\nroutes: x\r\n").map((text) => text.split(" ")[0]),
    ["1:1", "2:9"],
  );
});

const program = (body: string): string => `const respond = { body: "x" };\nexport default ${body};\n`;

test("a program's default export is the configuration, awaited, and called if it is a function", async () => {
  const body = '({ listeners: [{ address: ":1" }], routes: [{ respond }] })';
  for (const [name, text] of [
    ["object.ts", program(`${body} as object`)],
    ["promise.js", program(`Promise.resolve(${body})`)],
    ["function.mjs", program(`async () => ${body}`)],
  ] as const) {
    assert.equal((await loadConfig(await write(name, text))).routes[0]?.respond?.body, "x", name);
  }
});

test("a program is run anew each time, together with what it imports", async () => {
  await write("body.ts", 'export const body: string = "one";\n');
  const file = await write(
    "fresh.config.ts",
    'import { body } from "./body.ts";\nexport default { listeners: [{ address: ":1" }], routes: [{ respond: { body } }] };\n',
  );
  assert.equal((await loadConfig(file)).routes[0]?.respond?.body, "one");
  await write("body.ts", 'export const body: string = "two";\n');
  assert.equal((await loadConfig(file)).routes[0]?.respond?.body, "two");
});

test("a program is a module by its syntax, whatever the package.json beside it says", async () => {
  const body = '{ listeners: [{ address: ":1" }], routes: [{ respond: { body } }] }';
  for (const type of ["commonjs", "module", ""]) {
    const place = join(folder, `package-${type}`);
    await mkdir(place);
    await writeFile(join(place, "package.json"), type === "" ? "{}" : JSON.stringify({ type }));
    await writeFile(join(place, "part.ts"), 'export const body: string = "x";\n');
    await writeFile(join(place, "part.js"), 'export const body = "x";\n');
    await writeFile(
      join(place, "a.ts"),
      `import { body } from "./part.ts";\nexport default ${body} satisfies object;\n`,
    );
    await writeFile(
      join(place, "b.js"),
      `import { body } from "./part.js";\nexport default await Promise.resolve(${body});\n`,
    );
    await writeFile(join(place, "c.cjs"), `const body = require("./part.js").body;\nmodule.exports = ${body};\n`);
    for (const name of ["a.ts", "b.js", "c.cjs"])
      assert.equal((await loadConfig(join(place, name))).routes[0]?.respond?.body, "x", `${type} ${name}`);
  }
  const required = join(folder, "package-commonjs", "d.ts");
  await writeFile(required, `const { body } = require("./part.ts");\nmodule.exports = ${body};\n`);
  assert.equal((await loadConfig(required)).routes[0]?.respond?.body, "x");
});

test("every file that a configuration is made of is told with what was read of it, also if it is refused", async () => {
  const part = await write("told-part.ts", "export const status = 200;\n");
  const good = await write(
    "told.ts",
    'import { status } from "./told-part.ts";\nexport default { listeners: [{ address: ":1" }], routes: [{ respond: { status } }] };\n',
  );
  const bad = await write("told-bad.ts", 'import "./told-part.ts";\nthrow new Error("no");\n');
  const yaml = await write("told.yaml", "routes: 1\n");
  for (const [file, files] of [
    [good, [good, part]],
    [bad, [bad, part]],
    [yaml, [yaml]],
  ] as const) {
    const read = new Map<string, string>();
    await loadConfig(file, { onFileRead: (path, digest) => read.set(path, digest) }).catch(() => {});
    assert.deepEqual(
      read,
      new Map(await Promise.all(files.map(async (path) => [path, digestOf(await readFile(path))] as const))),
    );
  }
});

test("what goes wrong in a program is told, with its place if there is one", async () => {
  const cases: [name: string, text: string, sentence: RegExp][] = [
    ["none.ts", "export const a = 1;\n", /no default export/],
    ["syntax.ts", "const a = 1;\nexport default { a: [ };\n", /syntax\.ts:2:\d+: error: SyntaxError/],
    [
      "throws.ts",
      "const a: any = null;\nexport default { a: a.b };\n",
      /throws\.ts:2:\d+: error: TypeError: Cannot read[^]*> 2 \| export default/,
    ],
    ["exits.js", "process.exit(3);\n", /without giving a configuration \(exit code 3\)/],
    ["waits.js", "await new Promise(() => {});\nexport default {};\n", /waits for something that never comes/],
    ["missing.ts", 'import "./nowhere.ts";\nexport default {};\n', /Cannot find module '.*nowhere\.ts'$/m],
    [
      "function.ts",
      program('{ listeners: [{ address: ":1" }], routes: [{ respond: () => 1 }] }'),
      /functions are not available in this version\n {2}at routes\[0\]\.respond/,
    ],
    [
      "wrong.ts",
      program('{ listeners: [{ address: ":1" }], routes: [{ respnd: 1 }] }'),
      /unknown key "respnd"\n {2}at routes\[0\]\.respnd\n {2}did you mean "respond"\?/,
    ],
  ];
  for (const [name, text, sentence] of cases)
    assert.match((await failureOf(await write(name, text))).message, sentence, name);
});
