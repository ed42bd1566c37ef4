/** Commands that end by themselves: what they print and how they exit. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { takenPort } from "../support/free-port.ts";
import { authority } from "../support/tls-files.ts";
import { MillraceProcess, command, runMillrace } from "../support/millrace-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-commands-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const valid = join(folder, "valid.yaml");
writeFileSync(
  valid,
  'listeners: [{ address: "127.0.0.1:0" }]\nroutes: [{ upstream: app }]\nupstreams: { app: { endpoints: ["http://127.0.0.1:1"] } }\n',
);
const invalid = join(folder, "invalid.yaml");
writeFileSync(
  invalid,
  'listeners: [{ adress: "127.0.0.1:0" }]\nroutes: [{ upstream: api }]\nupstreams: { app: { endpoints: ["http://127.0.0.1:1"] } }\n',
);
/** A configuration whose listener has TLS with these files, which lie beside it. */
const withCertificate = (name: string, cert: string, key: string): string => {
  writeFileSync(join(folder, `${name}.pem`), cert);
  writeFileSync(join(folder, `${name}.key`), key, { mode: 0o644 });
  const tls = `{ certificates: [{ cert: ${name}.pem, key: ${name}.key }] }`;
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, `listeners: [{ address: "127.0.0.1:0", tls: ${tls} }]\nroutes: [{ respond: {} }]\n`);
  return path;
};
const certificate = await authority.issue({ names: ["a.test"] });
/** A configuration whose certificates come from an authority, written to a file. */
const withAcme = (name: string, acme: object): string => {
  const file = join(folder, name);
  const tls = { acme: { domains: ["a.example.com"], ...acme } };
  writeFileSync(file, JSON.stringify({ listeners: [{ address: "127.0.0.1:0", tls }], routes: [{ respond: {} }] }));
  return file;
};
const overTls = (name: string, tls: string): string => {
  const file = join(folder, name);
  const upstreams = `upstreams: { app: { endpoints: ["https://127.0.0.1:1"], tls: ${tls} } }`;
  writeFileSync(file, `listeners: [{ address: "127.0.0.1:0" }]\nroutes: [{ upstream: app }]\n${upstreams}\n`);
  return file;
};

const cases: readonly { args: readonly string[]; code: number; stdout?: RegExp; stderr?: RegExp }[] = [
  {
    args: ["--help"],
    code: 0,
    stdout: /Usage: millrace COMMAND[^]*demo[^]*proxy \[NAME\.\.\.\] ENDPOINT\.\.\.[^]*Exit codes/,
  },
  { args: ["help", "proxy"], code: 0, stdout: /--health-path/ },
  ...["demo", "proxy", "run", "check", "schema", "reload", "push", "drain", "enable", "weight", "trust", "version"].map(
    (name) => ({
      args: [name, "--help"],
      code: 0,
      stdout: new RegExp(`Usage: millrace ${name}`),
    }),
  ),
  { args: ["version"], code: 0, stdout: /^millrace \d+\.\d+\.\d+\S*\nnode \d+/ },
  { args: ["--version"], code: 0, stdout: /^millrace \d/ },
  { args: [], code: 2, stderr: /Usage: millrace/ },
  {
    args: ["explain", "GET", "http://a/", "-H", "x: y"],
    code: 2,
    stderr: /^The command "explain" is not available in this version\.\n/,
  },
  { args: ["top", "--help"], code: 2, stderr: /not available in this version/ },
  { args: ["import", "nginx", "nginx.conf"], code: 2, stderr: /"import" is not available in this version/ },
  {
    args: ["run", "--store-timeout", "1ms", "--no-copy", "etcd://127.0.0.1:1/millrace/config"],
    code: 1,
    stderr: /^etcd:\/\/127\.0\.0\.1:1\/millrace\/config: error: the store does not answer/,
  },
  {
    args: ["run", "--store-timeout", "7", "etcd://127.0.0.1:1/millrace/config"],
    code: 2,
    stderr: /^--store-timeout: "7"/,
  },
  {
    args: ["run", "etcd://root:hunter2@127.0.0.1:1"],
    code: 2,
    stderr: /^This names no store: the key is missing/,
  },
  {
    args: ["check", "consul://127.0.0.1:1/millrace"],
    code: 1,
    stderr: /^consul:\/\/127\.0\.0\.1:1\/millrace cannot be used: /,
  },
  { args: ["chekc"], code: 2, stderr: /unknown command 'chekc'[^]*check/ },
  { args: ["run", "--nonsense"], code: 2, stderr: /unknown option '--nonsense'[^]*millrace run --help/ },
  { args: ["run", "a", "b"], code: 2, stderr: /too many arguments/ },
  { args: ["proxy"], code: 2, stderr: /missing required argument 'endpoint'/ },
  {
    args: ["proxy", "--balance", "round-robbin", ":1"],
    code: 2,
    stderr: /--balance: .*"round-robbin"[^]*did you mean "round-robin"/,
  },
  { args: ["proxy", "--listen", "8080", ":1"], code: 2, stderr: /--listen: "8080" is not an address/ },
  { args: ["proxy", "--health-interval", "5", ":1"], code: 2, stderr: /--health-interval: / },
  { args: ["proxy", "ftp://localhost:1"], code: 2, stderr: /the endpoints: .*ftp/ },
  {
    args: ["demo", "--port", "99999"],
    code: 2,
    stderr: /^error: --port: ":99999" has no valid port[^]*`millrace demo --help`/,
  },
  {
    args: ["demo", "--listen", "8080"],
    code: 2,
    stderr: /--listen: "8080" is not an address[^]*`millrace demo --help`/,
  },
  {
    args: ["check", valid],
    code: 0,
    stdout: /valid\.yaml is valid: 1 listener, 1 route, 1 upstream with 1 endpoint\./,
  },
  {
    args: ["check", invalid],
    code: 1,
    stderr:
      /invalid\.yaml:1:15: error: unknown key "adress"[^]*did you mean "address"[^]*invalid\.yaml:2:[^]*"api"[^]*problems in/,
  },
  {
    args: ["check", withCertificate("served", certificate.cert, certificate.key)],
    code: 0,
    stdout: /is valid/,
    stderr: /served\.key is a private key that everybody on this machine may read/,
  },
  {
    args: ["check", withCertificate("unfit", certificate.cert, (await authority.issue({ names: ["b.test"] })).key)],
    code: 1,
    stderr: /unfit\.pem: error: the file does not belong to its key/,
  },
  {
    args: ["check", overTls("anybody.yaml", "{ verify: false }")],
    code: 0,
    stdout: /is valid/,
    stderr: /warning: the endpoints of upstream app may be anybody/,
  },
  {
    args: ["check", overTls("missing.yaml", "{ ca: missing.pem }")],
    code: 1,
    stderr: /millrace-commands-[^]*missing\.pem: error: the file is not there/,
  },
  {
    args: ["check", withAcme("acme.json", { ca: "missing.pem" })],
    code: 1,
    stderr: /millrace-commands-[^]*missing\.pem: error: the file is not there/,
  },
  { args: ["check", join(folder, "valid.yml")], code: 1, stderr: /no such file[^]*did you mean "valid\.yaml"/ },
  { args: ["check"], code: 1, stderr: /There is no configuration in this folder/ },
  { args: ["run"], code: 1, stderr: /There is no configuration in this folder/ },
  { args: ["run", invalid], code: 1, stderr: /unknown key "adress"/ },
  { args: ["run", join(folder, "absent.yaml")], code: 1, stderr: /no such file/ },
  { args: ["reload", valid], code: 1, stderr: /has no "admin" section/ },
  { args: ["reload", "--pid", "x"], code: 2, stderr: /--pid wants the number of a process/ },
  { args: ["reload", "--pid", "4194304"], code: 1, stderr: /There is no process 4194304/ },
  { args: ["drain", "app"], code: 2, stderr: /missing required argument 'endpoint'/ },
  { args: ["drain", "app", "127.0.0.1:1", valid], code: 1, stderr: /has no "admin" section/ },
  { args: ["drain", "app", "127.0.0.1:1", valid, "--timeout", "5"], code: 2, stderr: /--timeout: "5" has no unit/ },
  { args: ["weight", "app", "127.0.0.1:1", "-1"], code: 2, stderr: /A weight is a whole number .*not "-1"/ },
  {
    args: ["weight", "app", "127.0.0.1:1", "65536"],
    code: 2,
    stderr: /A weight is a whole number from 0 to 65535, or `configured`; not "65536"/,
  },
  { args: ["reload", "--admin", "9901"], code: 2, stderr: /--admin: "9901" is not an address/ },
];

for (const { args, code, stdout, stderr } of cases) {
  test(`millrace ${args.map((arg) => arg.replace(`${folder}/`, "")).join(" ")} exits with ${code}`, () => {
    const ending = runMillrace(args, { cwd: folder });
    assert.equal(ending.code, code, ending.stderr);
    assert.match(ending.stdout, stdout ?? /^$/);
    assert.match(ending.stderr, stderr ?? /^$/);
    assert.doesNotMatch(ending.stderr, /^\s+at .*\.ts:\d+/m, "no stack trace");
  });
}

test("the schema is a JSON Schema that knows the keys", () => {
  const ending = runMillrace(["schema"]);
  assert.equal(ending.code, 0);
  const schema = JSON.parse(ending.stdout) as { $schema: string; properties: Record<string, unknown> };
  assert.match(schema.$schema, /2020-12/);
  assert.deepEqual(
    ["listeners", "routes", "upstreams", "admin", "log"].filter((key) => !(key in schema.properties)),
    [],
  );
});

test("a configuration is found in the current folder", () => {
  writeFileSync(
    join(folder, "millrace.json"),
    JSON.stringify({ listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "x" } }] }),
  );
  const ending = runMillrace(["check"], { cwd: folder });
  rmSync(join(folder, "millrace.json"));
  assert.equal(ending.code, 0, ending.stderr);
  assert.match(ending.stdout, /^millrace\.json is valid/);
});

test("the command works through a symbolic link", async () => {
  const link = join(folder, "linked");
  symlinkSync(command, link);
  const ending = await new MillraceProcess(["version"], { executable: link, cwd: folder }).ended;
  assert.equal(ending.code, 0, ending.stderr);
});

for (const [name, args] of [
  ["proxy", (address: string) => ["proxy", "--workers", "0", "--listen", address, ":1"]],
  ["proxy with threads", (address: string) => ["proxy", "--workers", "2", "--listen", address, ":1"]],
  [
    "proxy with a taken admin address",
    (address: string) => ["proxy", "--workers", "0", "--listen", "127.0.0.1:0", "--admin", address, ":1"],
  ],
  ["demo", (address: string) => ["demo", "--listen", address, "--admin", "127.0.0.1:0"]],
] as const) {
  test(`a taken port is said in one sentence: ${name}`, async () => {
    const { port, release } = await takenPort();
    const address = `127.0.0.1:${port}`;
    const ending = await new MillraceProcess(args(address)).ended;
    await release();
    assert.equal(ending.code, 1, ending.stderr);
    assert.ok(ending.stderr.includes(`Cannot listen on ${address}: another process is using it.`), ending.stderr);
    assert.doesNotMatch(ending.stderr, /^\s+at /m);
  });
}

for (const workers of ["0", "2"]) {
  test(`an address that cannot be listened on is said in one sentence, with ${workers} threads`, async () => {
    const missing = join(folder, "no-such-folder");
    for (const [address, sentence] of [
      ["fd:99", "Cannot listen on fd:99: no listening socket has been passed on under this number.\n"],
      [`unix:${missing}/a.sock`, `${missing} does not exist.\n`],
    ] as const) {
      const ending = await new MillraceProcess(["proxy", "--workers", workers, "--listen", address, ":1"]).ended;
      assert.equal(ending.code, 1, ending.stderr);
      assert.equal(ending.stderr, sentence);
    }
  });
}

test("output that cannot be written is said in one sentence", { skip: !existsSync("/dev/full") }, () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(command, ["version"], { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
  closeSync(full);
  assert.equal(stderr, "Cannot write to standard output: no space is left on the device.\n");
  assert.equal(status, 1);
});
