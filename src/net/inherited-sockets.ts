/**
 * The sockets that whoever started this process has opened for it and passed on (systemd socket activation,
 * `sd_listen_fds`). What the environment says of them is taken out of it, so that no child of ours takes them for its
 * own, and kept where every thread finds it.
 */
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

/** The first descriptor that is passed on. */
const firstDescriptor = 3;
const key = "millrace inherited sockets";

/** Names by descriptor; the first is `firstDescriptor`. */
type Names = readonly string[];

/** Once, before there are other threads. @param environment loses the variables, whomever they are meant for */
export function takeInheritedSockets(environment: NodeJS.ProcessEnv, processId: number): void {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = environment;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"]) delete environment[name];
  // They may have been meant for a process that started this one.
  if (pid !== String(processId) || count === undefined || !/^[1-9]\d{0,3}$/.test(count)) return;
  const given = names === undefined ? [] : names.split(":");
  setEnvironmentData(
    key,
    Array.from({ length: Number(count) }, (_, at) => given[at] ?? "unknown"),
  );
}

/**
 * The descriptor of the socket `fd:…` means. @param socket the descriptor itself, or the name that it was passed on by
 * @throws Error for the user if no socket, or more than one, has that name
 */
export function descriptorOf(socket: number | string): number {
  if (typeof socket === "number") return socket;
  const names = (getEnvironmentData(key) as Names | undefined) ?? [];
  const found = names.flatMap((name, at) => (name === socket ? [firstDescriptor + at] : []));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  if (found.length > 1)
    throw inheritedSocketError(
      socket,
      `it is the name of several sockets; write ${found.map((fd) => `fd:${fd}`).join(" or ")}`,
    );
  const passed = names.map((name) => `fd:${name}`).join(", ");
  throw inheritedSocketError(
    socket,
    passed === "" ? "no sockets have been passed on to this process" : `what has been passed on is ${passed}`,
  );
}

/** @param message what stands behind `Cannot listen on …:` */
function inheritedSocketError(socket: string, message: string): Error {
  return Object.assign(new Error(message), { code: "NO_INHERITED_SOCKET", address: `fd:${socket}` });
}
