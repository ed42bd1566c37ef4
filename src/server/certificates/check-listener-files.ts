/** The files of TLS at listeners, read as a start would read them, for who only checks a configuration. */
import type { Config } from "../../config/schema.ts";
import { checkAcmeFiles } from "./acme-factory.ts";
import { CertificateFiles } from "./certificate-file.ts";
import { CertificateCache, readListenerFiles } from "./listener-files.ts";

/** @returns what people should know, as sentences without a full stop @throws ConfigError if files cannot be used */
export async function checkListenerTlsFiles({ listeners }: Config): Promise<readonly string[]> {
  const files = new CertificateFiles();
  const cache = new CertificateCache();
  const sentences = new Set<string>();
  for (const { tls } of listeners) {
    if (tls === null) continue;
    const { warnings } = await readListenerFiles(tls, { files, cache, nowMs: Date.now(), before: null });
    for (const { file, message } of warnings) sentences.add(`${file} ${message}`);
    if (tls.acme !== null) await checkAcmeFiles(tls.acme);
  }
  return [...sentences];
}
