/** Prepares a configuration in the data planes and at the admin listener: in both, or in neither. */
import type { Config } from "../config/schema.ts";
import type { TlsMaterial } from "../net/tls/tls-material.ts";
import type { AdminListener } from "./admin-listener.ts";
import { withUser } from "./assert-address-free.ts";
import type { DataPlanes } from "./data-planes.ts";

/** Who listens. */
export interface ListeningParts {
  readonly planes: DataPlanes;
  readonly admin: AdminListener;
}

/** @throws what made it impossible, with the user of an address that is taken if that is this proxy itself */
export async function prepareListening(
  { planes, admin }: ListeningParts,
  config: Config,
  tls: TlsMaterial,
): Promise<void> {
  await planes.prepare(config, tls).catch((error: unknown) => {
    const bound = admin.boundAddress;
    throw withUser(
      error,
      bound?.kind === "tcp" ? [{ port: bound.port, name: "the admin listener of this Millrace" }] : [],
    );
  });
  try {
    await admin.prepare(config.admin);
  } catch (error) {
    await planes.abort();
    throw withUser(
      error,
      planes.addresses.map(({ port, name }) => ({ port, name: `the listener ${name} of this Millrace` })),
    );
  }
}
