/** What is found in the files of TLS: what makes them unusable, and what people should know. */
import { ConfigError, fileProblem, type Problem } from "../../config/problem.ts";
import { CertificateError } from "../../net/tls/read-certificate.ts";

/** Something to be said of a file; the message is the end of a sentence that begins with it. */
export interface FileWarning {
  readonly file: string;
  readonly message: string;
}

/** Gathers all of it: people correct several mistakes at once. */
export class FileFindings {
  readonly warnings: FileWarning[] = [];
  readonly #problems: Problem[] = [];

  get hasProblems(): boolean {
    return this.#problems.length > 0;
  }

  warn(file: string, message: string): void {
    this.warnings.push({ file, message });
  }

  refuse(file: string, message: string): void {
    this.#problems.push(fileProblem(file, `the file ${message}`, null));
  }

  /** Runs `read`; what it throws about the file is a problem. */
  async collect(file: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      this.refuse(file, error.message);
    }
  }

  /** @throws ConfigError with all problems, if there is one */
  assertFine(): void {
    if (this.hasProblems) throw new ConfigError(this.#problems);
  }

  /** The problems as sentences. */
  get sentences(): readonly string[] {
    return this.#problems.map(({ file, message }) => `${file}: ${message}`);
  }
}
