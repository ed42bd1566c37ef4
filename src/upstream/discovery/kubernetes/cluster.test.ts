import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ManualClock } from "../../../base/clock.ts";
import { authority } from "../../../../test/support/tls-files.ts";
import { findCluster } from "./cluster.ts";
import { kubernetesDiscoverySchema } from "./options.ts";

const clock = new ManualClock();
const variables = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

function podFolder(context: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-account-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const all = { namespace: "production\n", token: "pod-token", "ca.crt": authority.root, ...files };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  return folder;
}

test("a pod finds its cluster, its namespace, its token and its authority", async (context) => {
  const account = podFolder(context);
  const cluster = await findCluster(kubernetesDiscoverySchema.parse({ service: "app" }), clock, { variables, account });
  assert.equal(cluster.url, "https://10.96.0.1:443");
  assert.equal(cluster.namespace, "production");
  assert.equal(await cluster.token?.read(), "pod-token");
  const tls = typeof cluster.tls === "function" ? cluster.tls() : cluster.tls;
  assert.match(tls?.ca ?? "", /BEGIN CERTIFICATE/);
  assert.equal(tls?.verify, true);
});

test("an address of IPv6 stands in brackets", async (context) => {
  const account = podFolder(context);
  const { url } = await findCluster(kubernetesDiscoverySchema.parse({ service: "app" }), clock, {
    variables: { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT_HTTPS: "6443" },
    account,
  });
  assert.equal(url, "https://[fd00::1]:6443");
});

test("the token and the authority of a pod are not shown to another server", async (context) => {
  const account = podFolder(context);
  const options = kubernetesDiscoverySchema.parse({
    service: "app",
    namespace: "x",
    apiServer: "https://10.0.0.1:6443/",
  });
  const cluster = await findCluster(options, clock, { variables, account });
  assert.deepEqual(
    [cluster.url, cluster.token, cluster.tls, cluster.namespace],
    ["https://10.0.0.1:6443", null, null, "x"],
  );
});

test("outside of a pod it is said what to configure", async (context) => {
  const options = kubernetesDiscoverySchema.parse({ service: "app" });
  await assert.rejects(
    findCluster(options, clock, { variables: {}, account: podFolder(context) }),
    /name the API server in `apiServer`/,
  );
  await assert.rejects(findCluster(options, clock, { variables, account: "/nowhere" }), /say which in `namespace`/);
  const account = podFolder(context, { namespace: "../kube-system" });
  await assert.rejects(findCluster(options, clock, { variables, account }), /say which in `namespace`/);
});

test("a token file that holds no token is said without what it holds, and an old token is used on", async (context) => {
  const account = podFolder(context, { token: "two\nlines" });
  const { token } = await findCluster(kubernetesDiscoverySchema.parse({ service: "app" }), clock, {
    variables,
    account,
  });
  await assert.rejects(
    token!.read(),
    (error: Error) => /does not hold a token/.test(error.message) && !/two/.test(error.message),
  );
  writeFileSync(join(account, "token"), "good");
  assert.equal(await token!.read(), "good");
  writeFileSync(join(account, "token"), "");
  token!.expire();
  assert.equal(await token!.read(), "good");
});

test("what cannot be meant is refused", () => {
  const cases: [Readonly<Record<string, unknown>>, RegExp][] = [
    [{}, /service/],
    [{ service: "App" }, /small letters/],
    [{ service: "app", namespace: "a/b" }, /small letters/],
    [{ service: "app", port: "80" }, /without quotes/],
    [{ service: "app", port: 0 }, /port/],
    [{ service: "app", labelSelector: "a in (b)" }, /key=value/],
    [{ service: "app", apiServer: "https://user:pw@x", namespace: "a" }, /address of an API server/],
    [{ service: "app", apiServer: "https://x" }, /say which namespace/],
    [{ service: "app", apiServer: "http://x", namespace: "a", tokenFile: "t" }, /clear text/],
  ];
  for (const [written, sentence] of cases) {
    const { error } = kubernetesDiscoverySchema.safeParse(written);
    assert.match(error?.message ?? "", sentence, JSON.stringify(written));
    assert.doesNotMatch(error?.message ?? "", /user:pw/);
  }
});
