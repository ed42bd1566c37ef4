/**
 * What a text in YAML or JSON says, without the library of YAML in the thread that asks: most texts are plain and are
 * read at once; the others, and those that are wrong, by a thread that ends with its work.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { leaveDeletedFolder, threadArguments } from "../base/thread-start.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import type { YamlAnswer } from "./yaml-thread.ts";

/** A text takes milliseconds; what takes longer is made to. */
const limitMs = 10_000;
const maxHeapMegabytes = 512;

/** The text is not YAML; the message is a sentence about it. */
export class YamlError extends Error {}

/** Reads one document as plain data. @throws YamlError */
export async function readYamlText(text: string): Promise<unknown> {
  if (/^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // YAML, or wrong: the others find out.
    }
  }
  // References to the environment mean nothing here: they stay as they are written.
  const plain = readPlainYaml(text, false, (scalar) => scalar);
  return plain === undefined ? readInThread(text) : plain;
}

function readInThread(text: string): Promise<unknown> {
  leaveDeletedFolder();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const worker = new Worker(new URL(`./yaml-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData: text,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
    ...threadArguments,
  });
  const end = (): void => {
    clearTimeout(timer);
    worker.removeAllListeners();
    worker.on("error", () => {}); // What it throws while it is being ended is of no interest.
    void worker.terminate();
  };
  const fail = (message: string): void => {
    end();
    reject(new YamlError(message));
  };
  const timer = setTimeout(() => fail(`it takes longer than ${limitMs / 1_000} s to read`), limitMs);
  worker.on("message", (answer: YamlAnswer) => {
    if (answer.problem !== null) return fail(answer.problem);
    end();
    resolve(answer.value);
  });
  worker.once("error", (error) => fail(error instanceof Error ? error.message : String(error)));
  worker.once("exit", () => fail("the thread that read it has ended"));
  return promise;
}
