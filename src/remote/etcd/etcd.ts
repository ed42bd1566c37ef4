/**
 * What the control side does with etcd (3.4 or later), over its JSON gateway: reads, writes, leases, and follows what
 * changes. `etcd-client.ts` makes a client; `shared-clients.ts` shares one between all who speak to the same cluster.
 */
import { RemoteError } from "../http-client.ts";
import type { RemoteTlsSource } from "../remote-tls.ts";

/** Who asks. */
export interface EtcdLogin {
  readonly user: string;
  readonly password: string;
}

/** Which cluster. */
export interface EtcdOptions {
  /** The members: if one does not answer, or has no leader, the next is asked. Without a path. */
  readonly urls: readonly string[];
  /** null if the cluster lets everybody in. */
  readonly login: EtcdLogin | null;
  readonly tls: RemoteTlsSource | null;
}

/** A key, as it is at one revision. Revisions and leases are 64-bit numbers, as text. */
export interface EtcdEntry {
  readonly key: string;
  readonly value: string;
  /** The revision at which the key came into being; another one after it was gone. */
  readonly createRevision: string;
  /** The revision of the last write. */
  readonly modRevision: string;
  /** The lease that the key goes with; "0" = none. */
  readonly lease: string;
}

/** All that was asked for, at one revision. */
export interface EtcdList {
  readonly revision: string;
  /** Which cluster has answered: another id after one was set up anew, even at the same addresses. */
  readonly cluster: string;
  readonly entries: readonly EtcdEntry[];
}

/** What is meant by a name: all keys that begin with it (the default), or the one key. */
export interface EtcdScope {
  readonly isKey?: boolean;
}

/** When a conditional write is done. */
export interface EtcdCondition {
  /** The key was last written at this revision; "0" = it is not there. */
  readonly modRevision: string;
  /** The lease that the key shall go with. */
  readonly lease?: string;
}

/** Who follows keys. Called from the first list on until `close`, never within `follow`. */
export interface EtcdObserver {
  /** What is there now, at the start and after every change; what one transaction has written comes at once. */
  onEntries(entries: ReadonlyMap<string, EtcdEntry>, revision: string): void;
  /** The cluster has answered, and nothing has changed. */
  onAlive(): void;
  /** No member can be asked, or what was told cannot be used. It is tried again. @param reason without secrets */
  onFailure(reason: string): void;
}

/** Somebody who follows. */
export interface EtcdFollowing {
  /** Nothing is told any more. */
  close(): void;
}

/** Speaks with one cluster. What is asked fails with a `RemoteError` when no member could answer within seconds. */
export interface EtcdClient {
  /** @throws RemoteError, also if there is more than `maxEntries` or `maxListBytes` */
  range(prefix: string, scope?: EtcdScope): Promise<EtcdList>;
  /**
   * Writes. A member that does not answer (it is frozen) may still do what it was asked when it goes on, after another
   * member has done it: a key that was removed meanwhile comes back. With a lease that was revoked it does not.
   * @throws EtcdError with the code `notFound` if the lease is gone
   */
  put(key: string, value: string, options?: { readonly lease?: string }): Promise<void>;
  /** Harmless if it is not there. */
  remove(key: string): Promise<void>;
  /**
   * Writes if the key is as `condition` says.
   * @returns whether the key holds `value` now. Somebody else may have written the same: if that matters, as with a
   * lock, let the value be one that nobody else writes. So an answer that got lost does no harm: it is asked again.
   */
  putIf(key: string, value: string, condition: EtcdCondition): Promise<boolean>;
  /** A new lease. @returns its id */
  grant(ttlSeconds: number): Promise<string>;
  /** @returns the seconds that the lease has left; 0 = it is gone */
  keepAlive(lease: string): Promise<number>;
  /** Ends a lease: its keys go. Harmless if it is gone. */
  revoke(lease: string): Promise<void>;
  /** Lists and then watches, and goes on after every failure. */
  follow(prefix: string, observer: EtcdObserver, scope?: EtcdScope): EtcdFollowing;
  /** Gives up everything under way. */
  close(): void;
}

/** The most keys that a list may have. */
export const maxEntries = 20_000;
/** The most bytes that keys and values of a list may have together. */
export const maxListBytes = 32 * 1024 * 1024;

/** Codes of gRPC, as etcd uses them. */
export const etcdCodes = {
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** etcd has answered, and says no. */
export class EtcdError extends RemoteError {
  /** One of gRPC's; see `etcdCodes`. */
  readonly code: number;

  constructor(message: string, { code, status }: { readonly code: number; readonly status: number }) {
    super("status", message, status);
    this.name = "EtcdError";
    this.code = code;
  }
}
