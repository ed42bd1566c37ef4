/** `http-proxy` on `node:http` with a keep-alive agent: what people use on Node today. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Peer } from "./peer.ts";

const program = fileURLToPath(new URL("http-proxy-server.ts", import.meta.url));
const manifest = new URL("../../../node_modules/http-proxy/package.json", import.meta.url);

export const httpProxy: Peer = {
  name: "http-proxy",
  title: "http-proxy (node:http)",
  isOurs: false,
  async version() {
    try {
      return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
    } catch {
      return null;
    }
  },
  async prepare({ listenPort, backendPort }) {
    return {
      command: [process.execPath, "--disable-warning=DEP0060", program, String(listenPort), String(backendPort)],
    };
  },
};
