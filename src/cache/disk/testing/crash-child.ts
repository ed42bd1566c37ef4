/** A process that kills itself at a chosen call. Arguments: the folder, the number of the call, and before or after. */
import { BrokenFiles } from "./broken-files.ts";
import { crashMaxBytes, runWorkload } from "./crash-workload.ts";
import { openDisk } from "./open-disk.ts";

const [, , path = "", number = "", when = ""] = process.argv;
const disk = await openDisk({ path, maxBytes: crashMaxBytes });
const files = new BrokenFiles(
  (call) => (call.number === Number(number) ? { dies: when === "before" ? "before" : "after" } : null),
  () => process.kill(process.pid, "SIGKILL"),
);
await runWorkload(disk.store({ files }), () => files.isDead);
// Its death is on the way, or there were fewer calls.
if (files.isDead) setInterval(() => {}, 1_000);
else process.exit(0);
