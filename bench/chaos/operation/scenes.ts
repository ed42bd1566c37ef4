/** The scenes of operation, in the order in which they run. */
import { cacheMixScene } from "./cache-mix.ts";
import { descriptorsScene } from "./descriptors.ts";
import { earlyResetsScene } from "./early-resets.ts";
import { etcdMembersScene } from "./etcd-members.ts";
import { hangingChecksScene } from "./hanging-checks.ts";
import { logReaderScenes } from "./log-readers.ts";
import { nameServerScene } from "./name-server.ts";
import type { Scene } from "./scene.ts";

export const scenes: readonly Scene[] = [
  ...logReaderScenes,
  nameServerScene,
  hangingChecksScene,
  descriptorsScene,
  earlyResetsScene,
  etcdMembersScene,
  cacheMixScene,
];
