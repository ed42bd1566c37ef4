/** Kinds of sources with doubles of their services, for the loop of faults: each lists the same endpoints. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FakeConsul } from "../../src/remote/consul/testing/fake-consul.ts";
import { FakeKubernetes } from "../../src/upstream/discovery/kubernetes/testing/fake-kubernetes.ts";
import { endpoints } from "../../src/upstream/discovery/kubernetes/testing/slices.ts";
import { FakeDocker } from "../../src/upstream/discovery/docker/testing/fake-docker.ts";
import { FakeEtcd } from "../support/fake-etcd.ts";
import type { Place } from "../support/faulty-way.ts";

/** What no log line, status or error may hold. */
export const secret = "s3cret-of-the-source";

/** A kind of source, and a double of its service. */
export interface Source {
  /** Its section of `discovery`, asked at this port of the loopback interface. */
  section(port: number): Record<string, unknown>;
  /** Where the double listens. */
  readonly place: Place;
  /** Makes `http://10.0.0.N:80` of these numbers all its endpoints, in one step. */
  list(numbers: readonly number[]): void;
  close(): void | Promise<void>;
}

const addressOf = (number: number): string => `10.0.0.${number}`;

/** Starts the double of each kind. */
export const sources: Readonly<Record<string, () => Promise<Source>>> = {
  etcd: async () => {
    const etcd = await FakeEtcd.start();
    etcd.login = { user: "millrace", password: secret, token: `${secret}-token` };
    return {
      section: (port) => ({
        etcd: { urls: [`http://127.0.0.1:${port}`], prefix: "/api/", user: "millrace", password: secret },
      }),
      place: { port: etcd.port },
      list: (numbers) =>
        etcd.replace(Object.fromEntries(numbers.map((one) => [`/api/${one}`, `http://${addressOf(one)}:80`]))),
      close: () => etcd.close(),
    };
  },
  consul: async () => {
    const consul = await FakeConsul.start();
    consul.rights = { [secret]: { services: ["api"], keyPrefix: "" } };
    let listed: readonly number[] = [];
    return {
      section: (port) => ({ consul: { url: `http://127.0.0.1:${port}`, service: "api", token: secret } }),
      place: { port: consul.port },
      list(numbers) {
        // An instance that gets another address is one step, a new one beside an old one that goes would be two.
        for (const [at, number] of numbers.entries())
          if (listed[at] !== number)
            consul.register({ service: "api", id: `api-${at}`, address: addressOf(number), port: 80 });
        for (let at = numbers.length; at < listed.length; at++) consul.deregister(`api-${at}`);
        listed = numbers;
      },
      close: () => consul.close(),
    };
  },
  http: async () => {
    let body = "[]";
    const server = createServer((request, response) => {
      const tag = `"${body.length}-${body}"`.replaceAll(/[^\w"-]/g, "_");
      if (request.headers.authorization !== `Bearer ${secret}`) response.writeHead(401).end();
      else if (request.headers["if-none-match"] === tag) response.writeHead(304, { etag: tag }).end();
      else response.writeHead(200, { etag: tag, "content-type": "application/json" }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      section: (port) => ({ http: { url: `http://127.0.0.1:${port}/list?key=${secret}`, token: secret } }),
      place: { port: (server.address() as AddressInfo).port },
      list(numbers) {
        body = JSON.stringify(numbers.map((one) => ({ url: `http://${addressOf(one)}:80` })));
      },
      close() {
        if (server.listening) server.close();
        server.closeAllConnections();
      },
    };
  },
  kubernetes: async () => {
    const server = await FakeKubernetes.start();
    const { port } = server;
    let isOpen = true;
    return {
      section: (at) => ({
        kubernetes: { apiServer: `http://127.0.0.1:${at}`, namespace: "default", service: "app" },
      }),
      place: { port },
      list: (numbers) => server.put({ name: "app-1", service: "app", endpoints: endpoints(...numbers.map(addressOf)) }),
      async close() {
        if (isOpen) await server.stop();
        isOpen = false;
      },
    };
  },
  docker: async () => {
    const docker = await FakeDocker.start();
    let listed: readonly number[] = [];
    let isOpen = true;
    return {
      section: (port) => ({ docker: { host: `tcp://127.0.0.1:${port}` } }),
      place: { path: docker.socketPath },
      list(numbers) {
        for (const [at, number] of numbers.entries()) {
          const networks = { bridge: addressOf(number) };
          const labels = { "millrace.upstream": "api", secret };
          if (at >= listed.length) docker.run({ name: `api-${at}`, networks, labels, ports: ["80/tcp"] });
          else if (listed[at] !== number) docker.setAddress(`api-${at}`, "bridge", addressOf(number));
        }
        for (let at = numbers.length; at < listed.length; at++) docker.remove(`api-${at}`);
        listed = numbers;
      },
      async close() {
        if (isOpen) await docker.close();
        isOpen = false;
      },
    };
  },
};
