/** Certificates for tests, in files, from one authority of this process. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CertificateWish, TestAuthority } from "../../src/net/testing/test-authority.ts";

/** Who certifies the servers of tests, and its root as a file. */
export const authority = await TestAuthority.create();

const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** Writes a file that only we may read. @returns its path */
export function writeTlsFile(text: string | Buffer): string {
  const path = join(folder, `${count++}.pem`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** The root of `authority`. */
export const rootFile = writeTlsFile(authority.root);

/** A certificate with its key, in files. */
export async function certificateFiles(
  wish: CertificateWish,
  by: TestAuthority = authority,
): Promise<{ cert: string; key: string }> {
  const { cert, key } = await by.issue(wish);
  return { cert: writeTlsFile(cert), key: writeTlsFile(key) };
}

/** For `a.test`, `*.b.test` and `localhost`. */
export const serverFiles = await certificateFiles({
  names: ["a.test", "*.b.test", "localhost"],
  ips: ["127.0.0.1", "::1"],
});
