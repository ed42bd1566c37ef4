/** Waits until the instances that follow a key have said what they did with what was pushed. */
import type { ConfigStore } from "../config/store/config-store.ts";
import { type InstanceStatus, parseInstanceStatus } from "../config/store/instance-status.ts";
import { CommandFailure } from "./failure.ts";
import { print, printError } from "./terminal.ts";

const pollMs = 200;
const maxShown = 50;

/** What one instance did with a version. */
type Answer = "applied" | "refused" | "unknown";

/** Prints what each instance did. @throws CommandFailure unless all have applied it within `waitMs` */
export async function awaitInstances(
  store: ConfigStore,
  { version, waitMs }: { readonly version: string; readonly waitMs: number },
): Promise<void> {
  const endMs = performance.now() + waitMs;
  let statuses: readonly InstanceStatus[] = [];
  for (;;) {
    statuses = [...(await store.statuses()).values()].flatMap((text) => parseInstanceStatus(text) ?? []);
    const isDone = statuses.length > 0 && statuses.every((status) => answerOf(status, version) !== "unknown");
    if (isDone || performance.now() >= endMs) break;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  if (statuses.length === 0)
    throw new CommandFailure(`No instance tells that it follows ${store.name}. The configuration is written.`);
  for (const status of statuses.slice(0, maxShown)) tell(status, version);
  const count = (answer: Answer): number => statuses.filter((status) => answerOf(status, version) === answer).length;
  const applied = count("applied");
  if (applied === statuses.length)
    return print(applied === 1 ? "Applied by the one instance." : `Applied by all ${applied} instances.`);
  throw new CommandFailure(
    `Applied by ${applied} of ${statuses.length} instances, refused by ${count("refused")}; the others run what they ran.`,
  );
}

function answerOf({ applied, refused }: InstanceStatus, version: string): Answer {
  if (refused?.version === version) return "refused";
  return refused === null && applied.version === version ? "applied" : "unknown";
}

function tell(status: InstanceStatus, version: string): void {
  const { instance, applied, refused } = status;
  const answer = answerOf(status, version);
  if (answer === "applied") print(`${toWord(instance)}: applied`);
  else if (answer === "unknown") printError(`${toWord(instance)}: silent, runs version ${toWord(applied.version)}`);
  else {
    printError(`${toWord(instance)}: refused, runs version ${toWord(applied.version)}`);
    for (const problem of refused?.problems ?? []) printError(`  ${problem}`);
  }
}

/** What somebody else has written must not drive the terminal. */
const toWord = (text: string): string => text.replace(/[^\x21-\x7e]/g, "?").slice(0, 120);
