/** Asks a member of etcd how it is. */
import { request } from "node:http";

/** The body of the answer; "" if none comes within a second. */
export function askHealth(url: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const asking = request(url, { agent: false, timeout: 1_000 }, (answer) => {
    let text = "";
    answer.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    answer.on("close", () => resolve(text));
  });
  asking.on("timeout", () => asking.destroy());
  asking.on("error", () => resolve(""));
  asking.end();
  return promise;
}
