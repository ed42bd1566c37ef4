/** A configuration in TypeScript: checked by the compiler, completed by the editor, computed where that helps. */
import { defineConfig } from "../src/index.ts"; // in a project of yours: "millrace"

const port = process.env["PORT"] ?? "8080";
const appPorts = [process.env["APP_PORT"] ?? "3000", process.env["SECOND_PORT"] ?? "3001"];
const services = ["orders", "invoices"];

export default defineConfig({
  listeners: [{ address: `:${port}` }],
  routes: [
    ...services.map((service) => ({
      name: service,
      match: { path: `/${service}/*` },
      middlewares: [{ headers: { request: { set: { "x-service": service } } } }],
      upstream: "app",
    })),
    { name: "nothing-else", respond: { status: 404, body: `There are ${services.join(" and ")}.\n` } },
  ],
  upstreams: {
    app: { endpoints: appPorts.map((appPort) => `http://localhost:${appPort}`) },
  },
});
