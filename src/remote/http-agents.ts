/** The agents of Node.js that open and keep the connections to services. They are made when the first is needed. */
import { Agent, type AgentOptions } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { nodeTls } from "../net/tls/node-tls.ts";
import { serverNameOf, toPeerName } from "../net/tls/peer-name.ts";
import type { RemoteTls, RemoteTlsSource } from "./remote-tls.ts";

/** Idle connections are closed by us before most servers close them. */
const idleMs = 15_000;
const maxIdleSockets = 4;
/** How many connections may serve long answers, which have one each. */
const maxStreamSockets = 1_024;

/** What agents are made of. */
export interface HttpAgentParts {
  readonly tls: RemoteTlsSource | null;
  readonly lookup: LookupFunction | null;
  readonly maxSockets: number;
}

/** Whether the connection may be one that has served before. */
export type ConnectionWish = "kept" | "fresh";

/** The agents of one client. */
export class HttpAgents {
  readonly #parts: HttpAgentParts;
  readonly #made = new Map<string, Agent | SecureAgent>();

  constructor(parts: HttpAgentParts) {
    this.#parts = parts;
  }

  /** The one for connections to HTTPS, or to HTTP. */
  agentFor(isSecure: boolean, wish: ConnectionWish): Agent | SecureAgent {
    const key = `${isSecure} ${wish}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const { lookup, maxSockets, tls } = this.#parts;
    const isKept = wish === "kept";
    const options: AgentOptions = {
      keepAlive: isKept,
      // Without a limit for each host, Node.js tells the server that the connection serves this request alone. Servers of
      // Go read the body of such a request even while they answer (etcd: all watches of a stream).
      ...(isKept ? { maxSockets } : { maxTotalSockets: maxStreamSockets }),
      maxFreeSockets: maxIdleSockets,
      ...(isKept && { timeout: idleMs }),
      ...(lookup !== null && { lookup }),
    };
    const made = isSecure ? secureAgent(options, tls) : new Agent(options);
    this.#made.set(key, made);
    return made;
  }

  /** Closes every connection. */
  close(): void {
    for (const agent of this.#made.values()) agent.destroy();
    this.#made.clear();
  }
}

function secureAgent(options: AgentOptions, tls: RemoteTlsSource | null): SecureAgent {
  const { Agent: Secure } = process.getBuiltinModule("node:https");
  // A session that is resumed is not verified again: what is trusted may have changed.
  const agent = new Secure({ ...options, maxCachedSessions: 0 });
  if (tls === null) return agent;
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (given, onDone) => {
    try {
      return connect({ ...given, ...connectionOptions(typeof tls === "function" ? tls() : tls) }, onDone);
    } catch (error) {
      // Without a socket the agent waits for the callback, and the question gets the error.
      process.nextTick(() => onDone?.(error as Error, undefined as never));
      return undefined;
    }
  };
  return agent;
}

function connectionOptions({ ca, cert, key, serverName, verify }: RemoteTls): ConnectionOptions {
  const name = serverName === null ? null : toPeerName(serverName);
  return {
    ...(ca !== null && { ca, allowPartialTrustChain: true }),
    ...(cert !== null && key !== null && { cert, key }),
    ...(name !== null && {
      servername: serverNameOf(name) ?? "",
      checkServerIdentity: (_host, certificate) => nodeTls().checkServerIdentity(name.text, certificate),
    }),
    rejectUnauthorized: verify,
  };
}
