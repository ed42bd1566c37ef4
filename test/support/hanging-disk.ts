/** The command with an access log on a disk that hangs, whose calls really hold threads of Node.js's pool. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { MillraceProcess } from "./millrace-process.ts";

/** A proxy that is ready and answers everything with `ok`. */
export interface HangingDisk {
  /** Where the preloaded program finds the FIFO `pipe`, and `hangs` for as long as the disk does. */
  readonly folder: string;
  /** The access log. */
  readonly path: string;
  readonly millrace: MillraceProcess;
  ask(target: string): Promise<void>;
}

/** @param options.preload a program that is loaded before Millrace, and makes calls about the log hang */
export async function startOnHangingDisk(
  context: TestContext,
  options: { readonly workers: number; readonly preload: string; readonly hangsAtStart?: boolean },
): Promise<HangingDisk> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-hang-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "access.log");
  execFileSync("mkfifo", [join(folder, "pipe")]);
  writeFileSync(join(folder, "preload.cjs"), options.preload);
  if (options.hangsAtStart === true) writeFileSync(join(folder, "hangs"), "");
  writeFileSync(
    join(folder, "millrace.yaml"),
    `workers: ${options.workers}
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ respond: { body: ok } }]
log: { access: { path: "${path}" } }
`,
  );
  const millrace = new MillraceProcess(["run", "--no-watch", join(folder, "millrace.yaml")], {
    env: { NODE_OPTIONS: `--require=${join(folder, "preload.cjs")}` },
  });
  context.after(() => millrace.child.kill("SIGKILL"));
  const { listeners } = await millrace.logged(/^ready$/);
  const port = /:(\d+)/.exec(String(listeners))?.[1];
  const ask = async (target: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${port}${target}`);
    assert.equal(await answer.text(), "ok");
  };
  return { folder, path, millrace, ask };
}
