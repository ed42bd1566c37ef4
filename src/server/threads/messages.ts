/**
 * What the control thread and a proxy thread say to each other. Every request has an `id` and is answered once; the
 * rest are notices.
 */
import type { SharedSnapshot } from "../../base/shared-memory.ts";
import type { PackedConfig } from "../../config/packed-config.ts";
import { ConfigError, type Problem } from "../../config/problem.ts";
import type { WantedKind } from "../../net/tls/certificate-source.ts";
import type { TlsChange } from "../../net/tls/tls-change.ts";
import type { TlsMaterial } from "../../net/tls/tls-material.ts";
import type { LogFields, LogLevel } from "../../observe/logger.ts";
import type { Warning, WarningReport } from "../../observe/repeated-warning.ts";
import type { BoundAddress } from "../bound-address.ts";
import type { EndpointList } from "../data-planes.ts";
import type { Inspection } from "../inspection.ts";

/** What a proxy thread is started with. */
export interface ThreadData {
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly pseudonym: string;
  readonly idleGraceMs: number;
  /**
   * One word: bytes of access log lines that are on their way to the control thread. The thread adds, the control
   * thread takes away.
   */
  readonly logInTransit: SharedArrayBuffer;
}

/** What the control thread asks. */
export type ThreadRequest =
  | {
      readonly kind: "prepare";
      readonly config: PackedConfig;
      readonly memory: SharedSnapshot;
      readonly chosenPorts: ReadonlyMap<string, number>;
      readonly tls: TlsMaterial;
    }
  | { readonly kind: "endpoints"; readonly lists: readonly EndpointList[] }
  | { readonly kind: "certificates"; readonly change: TlsChange }
  | { readonly kind: "commit" | "abort" | "drain" | "close" | "inspect" };

/** What a thread answers with: where it listens, or what is open in it. */
export type ThreadAnswer = readonly BoundAddress[] | Inspection | null;

/** An error as it is posted: enough for a sentence about it. */
export interface PostedError {
  readonly message: string;
  readonly code: string | null;
  readonly properties: Readonly<Record<string, string | number>>;
  /** What is wrong with the configuration, if that is the error; else null. */
  readonly problems: readonly Problem[] | null;
}

/** A request on its way to a thread; the answer has the same `id`. */
export interface RequestMessage {
  readonly id: number;
  readonly request: ThreadRequest;
}

/** What the control thread tells and wants no answer to: another thread saw something fail. */
export interface TroubleNotice {
  readonly trouble: Warning;
}

/** What the control thread tells: the certificate that a thread wanted is there, or will not be. */
export interface CertificateNotice {
  /** Of the thread's `wantCertificate`. */
  readonly wantedId: number;
}

/** What a thread posts to the control thread. */
export type ThreadMessage =
  | { readonly kind: "answer"; readonly id: number; readonly answer: ThreadAnswer }
  | { readonly kind: "failure"; readonly id: number; readonly error: PostedError }
  | { readonly kind: "metricPage"; readonly page: SharedArrayBuffer }
  | {
      readonly kind: "accessLog";
      readonly path: string;
      readonly lines: Uint8Array;
      readonly lineCount: number;
      readonly lostBefore: number;
    }
  | {
      readonly kind: "wantCertificate";
      readonly id: number;
      readonly listenerName: string;
      readonly name: string;
      readonly wanted: WantedKind;
    }
  | { readonly kind: "warning"; readonly report: WarningReport }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };

/** An error made ready for posting; system errors keep what describes them. */
export function toPostedError(error: unknown): PostedError {
  if (!(error instanceof Error)) return { message: String(error), code: null, properties: {}, problems: null };
  const properties: Record<string, string | number> = {};
  for (const key of ["code", "errno", "syscall", "address", "port", "path"]) {
    const value: unknown = (error as unknown as Record<string, unknown>)[key];
    if (typeof value === "string" || typeof value === "number") properties[key] = value;
  }
  return {
    message: error.message,
    code: typeof properties["code"] === "string" ? properties["code"] : null,
    properties,
    problems: error instanceof ConfigError ? error.problems : null,
  };
}

/** The error on the other side. */
export function fromPostedError(posted: PostedError): Error {
  if (posted.problems !== null) return new ConfigError(posted.problems);
  return Object.assign(new Error(posted.message), posted.properties);
}
