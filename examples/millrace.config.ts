/** A configuration in TypeScript: checked by the compiler, completed by the editor, computed if that helps. */
import { defineConfig } from "../src/index.ts"; // in a project of yours: "millrace"

const instances = (process.env["INSTANCES"] ?? "http://localhost:3000,http://localhost:3001").split(",");
const services = ["orders", "invoices"];

export default defineConfig({
  listeners: [{ address: process.env["ADDRESS"] ?? ":8080" }],
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
    app: { endpoints: instances },
  },
});
