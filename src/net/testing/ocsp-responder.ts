/** Answers to OCSP questions, made by the OpenSSL of the system. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestAuthority, TestCertificate } from "./test-authority.ts";

/** What is to be said, and by whom. */
export interface OcspAnswer {
  /** Whose certificate it is. */
  readonly authority: TestAuthority;
  /** The ones that are known; all others are unknown. */
  readonly good: readonly TestCertificate[];
  readonly revoked?: readonly TestCertificate[];
  /** Who signs; default: the authority. */
  readonly signer?: TestCertificate;
}

/** The answer (DER) to `question`; it holds for a day. */
export async function answerOcsp(question: Buffer, answer: OcspAnswer): Promise<Buffer> {
  const { authority, good, revoked = [], signer } = answer;
  const folder = mkdtempSync(join(tmpdir(), "millrace-ocsp-"));
  try {
    const write = (name: string, contents: string | Buffer): string => {
      writeFileSync(join(folder, name), contents);
      return join(folder, name);
    };
    const line = ({ cert }: TestCertificate, state: "V" | "R"): string => {
      const { serialNumber } = new X509Certificate(cert);
      return `${state}\t401231235959Z\t${state === "R" ? "200101000000Z" : ""}\t${serialNumber}\tunknown\t/CN=test\n`;
    };
    const index = write(
      "index",
      [...good.map((one) => line(one, "V")), ...revoked.map((one) => line(one, "R"))].join(""),
    );
    const output = join(folder, "answer");
    execFileSync(
      "openssl",
      [
        ...["ocsp", "-index", index, "-CA", write("ca", authority.root), "-ndays", "1"],
        ...["-rsigner", write("signer", signer?.cert ?? authority.root)],
        ...["-rkey", write("key", signer?.key ?? (await authority.rootKey()))],
        ...["-reqin", write("question", question), "-respout", output],
      ],
      { stdio: "pipe" },
    );
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
