/** Sources that ask a certificate authority by ACME. All of it is loaded only if a listener has `acme`. */
import { systemScheduler } from "../../base/scheduler.ts";
import type { AcmeOptions } from "../../net/tls/acme-options.ts";
import { pemCertificates } from "../../net/tls/pem.ts";
import { CertificateError } from "../../net/tls/read-certificate.ts";
import type { StoreOptions, StoresOptions } from "../../store/options.ts";
import { CertificateFiles } from "./certificate-file.ts";
import { FileFindings } from "./file-findings.ts";
import type { SourceFactory } from "./source-factory.ts";

/** The kind of `tls.acme`. */
export const acmeFactory: SourceFactory = {
  key: "acme",
  optionsOf: ({ name, tls }, stores) =>
    tls === null || tls.acme === null ? null : { name, acme: tls.acme, store: storeOf(tls.acme, stores) },
  create: async ({ name, tls }, { logger, metrics, functions, stores }) => {
    const options = tls?.acme ?? null;
    if (options === null) throw new Error("no acme");
    const hook = options.dns?.hook ?? [];
    const call = Array.isArray(hook) ? null : (await functions()).get(hook);
    const { AcmeSource } = await import("../../acme/acme-source.ts");
    return new AcmeSource({
      listener: name,
      options,
      store: storeOf(options, stores),
      scheduler: systemScheduler,
      random: Math.random,
      logger,
      metrics,
      files: { read: readRoots },
      dnsHook: call as ((...args: unknown[]) => unknown) | null,
    });
  },
};

/** null if its storage is none of `stores`. */
function storeOf({ storage }: AcmeOptions, stores: StoresOptions): StoreOptions | null {
  if (storage === null || typeof storage === "string" || storage.store === null) return null;
  return stores[storage.store] ?? null;
}

/** Reads the files that `acme` names, for who only checks a configuration. @throws ConfigError if one cannot be used */
export async function checkAcmeFiles(options: AcmeOptions): Promise<void> {
  const { readAuthorities } = await import("../../acme/acme-files.ts");
  await readAuthorities(options, { read: readRoots });
  const { storage } = options;
  const ca = storage === null || typeof storage === "string" ? null : (storage.etcd?.ca ?? null);
  if (ca !== null) await readRoots(ca);
}

/** @throws ConfigError if there is none in it: an empty bundle would mean the public ones */
async function readRoots(path: string): Promise<string> {
  const findings = new FileFindings();
  let text = "";
  await findings.collect(path, async () => {
    text = await new CertificateFiles().readText(path);
    if (pemCertificates(text).length === 0) throw new CertificateError("holds no certificate (PEM)");
  });
  findings.assertFine();
  return text;
}
