import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { parseConfigText } from "../../src/config/parse-config-text.ts";

const page = readFileSync(new URL("../../docs/guides/kubernetes.md", import.meta.url), "utf8");

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template: { readonly spec: { readonly terminationGracePeriodSeconds: number } } };
}

const manifests = [...page.matchAll(/^```yml\n([^]*?)^```/gm)].flatMap(([, text = ""]) =>
  parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as Manifest;
  }),
);

test("the manifests of the guide to Kubernetes can be read", () => {
  assert.deepEqual(
    manifests.map(({ kind }) => kind),
    ["Role", "RoleBinding", "ServiceAccount", "ConfigMap", "Deployment"],
  );
});

test("the configuration in the ConfigMap is valid, and a pod lives as long as it takes to end", () => {
  const text = manifests.find(({ kind }) => kind === "ConfigMap")?.data?.["millrace.yaml"] ?? "";
  const { shutdown, upstreams } = parseConfigText(text, {
    file: "millrace.yaml",
    environment: { ADMIN_TOKEN: "0123456789abcdef" },
  });
  assert.equal(upstreams["app"]?.discovery?.kubernetes?.service, "app");
  const deployment = manifests.find(({ kind }) => kind === "Deployment");
  const graceMs = (deployment?.spec?.template.spec.terminationGracePeriodSeconds ?? 0) * 1_000;
  assert.ok(graceMs > shutdown.delay + shutdown.grace, String(graceMs));
});
