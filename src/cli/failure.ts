/**
 * How a command fails: with a text for the user and an exit code, never with a stack trace.
 * Exit codes: 0 fine, 1 configuration or run-time error, 2 wrong usage.
 */

/** An expected failure. `message` is printed as it is. */
export class CommandFailure extends Error {
  readonly exitCode: 1 | 2;

  /** @param message complete text for the user; may have several lines @param exitCode default 1 */
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}

/** One sentence for an error of the operating system, or null if a user can do nothing about `error`. */
export function describeSystemError(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  const { code, address, port, path } = error as Error & {
    code: unknown;
    address?: unknown;
    port?: unknown;
    path?: unknown;
  };
  const place =
    typeof address === "string"
      ? typeof port === "number" && port >= 0
        ? joinAddress(address, port)
        : address
      : typeof path === "string"
        ? path
        : "the address";
  switch (code) {
    case "EADDRINUSE":
      return `Cannot listen on ${place}: ${"usedBy" in error && typeof error.usedBy === "string" ? `${error.usedBy} is using it. Move that first, by a reload of its own` : "another process is using it"}.`;
    case "EEXIST":
      return `Cannot listen on ${place}: there is something else than a socket, which is left alone.`;
    case "EACCES":
      return typeof port === "number" && port > 0 && port < 1024
        ? `Cannot listen on ${place}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE.`
        : `No permission for ${place}.`;
    case "EADDRNOTAVAIL":
      return `Cannot listen on ${place}: this machine has no such address.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `Cannot listen on ${place}: the name cannot be resolved.`;
    case "NO_INHERITED_SOCKET":
      return `Cannot listen on ${place}: ${error.message}.`;
    case "EINVAL":
    case "EBADF":
    case "ENOTSOCK":
    case "EOPNOTSUPP":
    case "ENOTSUP":
      return place.startsWith("fd:")
        ? `Cannot listen on ${place}: no listening socket has been passed on under this number.`
        : null;
    case "ENOENT":
      return `${place} does not exist.`;
    case "EISDIR":
      return `${place} is a folder, not a file.`;
    case "ENOTDIR":
      return `${place} does not exist: a part of the path is not a folder.`;
    case "EROFS":
      return `${place} is on a file system that is read-only.`;
    case "ENOSPC":
      return `No space is left on the device for ${place}.`;
    case "ECONNREFUSED":
      return `Nothing listens on ${place}.`;
    case "EMFILE":
    case "ENFILE":
      return "Too many open files; raise the limit (`ulimit -n`).";
    default:
      return null;
  }
}

function joinAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
