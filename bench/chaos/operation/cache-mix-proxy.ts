/** The proxy of `cache-mix.ts`, in a process of its own, which does what its parent tells it. */
import { setTimeout as sleep } from "node:timers/promises";
import { createProxy } from "../../../src/index.ts";
import type { PurgeRequest } from "../../../src/cache/purge/purge-operator.ts";

/** What the parent asks for; each is answered with its `id`. */
export type ProxyTask = { readonly id: number } & (
  | { readonly kind: "purge"; readonly request: PurgeRequest }
  | { readonly kind: "kill"; readonly thread: number }
  | { readonly kind: "reload"; readonly round: number }
  | { readonly kind: "kill-in-reload"; readonly thread: number; readonly round: number }
  | { readonly kind: "memory" }
);

/** The answer to a task; `value` is the resident memory in bytes, or how many answers were purged. */
export interface TaskDone {
  readonly id: number;
  readonly value: number | null;
  readonly error: string | null;
}

const endpoint = process.argv[2]!;

function configOf(round: number) {
  return {
    listeners: [{ address: "127.0.0.1:0" }],
    admin: { address: "127.0.0.1:0" },
    upstreams: { app: { endpoints: [endpoint] } },
    routes: [
      { name: "cached", middlewares: [{ cache: { maxBytes: "32MiB" as const } }], upstream: "app" },
      { name: `round-${round}`, match: { path: `/round-${round}` }, respond: { status: 204 } },
    ],
  };
}

const proxy = await createProxy({ workers: 2, ...configOf(0) });
await proxy.listen();

/** A thread that has died is there again. */
async function untilRunning(): Promise<void> {
  for (;;) {
    await sleep(100);
    const answer = await fetch(`http://${proxy.adminAddress()}/api/v1/status`);
    const { threads } = (await answer.json()) as { threads: { state: string }[] };
    if (threads.every(({ state }) => state === "running")) return;
  }
}

async function carryOut(task: ProxyTask): Promise<number | null> {
  switch (task.kind) {
    case "purge":
      return (await proxy.cache.purge(task.request)).purged;
    case "kill":
      await proxy.killThread(task.thread);
      await untilRunning();
      return null;
    case "reload":
      await proxy.reload({ workers: 2, ...configOf(task.round) });
      return null;
    case "kill-in-reload":
      // A reload that meets a thread which ends changes nothing.
      await Promise.allSettled([proxy.reload({ workers: 2, ...configOf(task.round) }), proxy.killThread(task.thread)]);
      await untilRunning();
      return null;
    case "memory":
      return process.memoryUsage().rss;
  }
}

process.on("message", (task: ProxyTask) => {
  const { id } = task;
  carryOut(task).then(
    (value) => process.send?.({ id, value, error: null } satisfies TaskDone),
    (error: unknown) => process.send?.({ id, value: null, error: String(error) } satisfies TaskDone),
  );
});
// It never outlives its parent.
process.on("disconnect", () => process.exit(0));
process.send?.(proxy.addresses()[0]!.port);
