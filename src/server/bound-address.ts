/** Where listeners really listen, and the ports that were chosen for those that ask for any. */

/** An address that is listened on. */
export interface BoundAddress {
  readonly name: string;
  /** As the configuration writes it. */
  readonly configured: string;
  readonly host: string;
  readonly port: number;
}

/** Ports that were found if the configuration asks for any, by address as configured. */
export type ChosenPorts = ReadonlyMap<string, number>;
