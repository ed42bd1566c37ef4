/** A route's list is a list, for requests as well: what a middleware changes is seen by those behind it, and only there. */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols } from "../support/harness.ts";

interface Seen {
  readonly status: number;
  readonly name?: string;
  readonly target?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly cookie: string | null;
}

interface Asked {
  readonly path?: string;
  readonly fields?: Record<string, string>;
}

/** A proxy with one route to two endpoints that answer with what reached them; gives what asks it. */
async function start(
  harness: Harness,
  middlewares: readonly object[],
  upstream: Record<string, unknown> = {},
): Promise<(asked?: Asked) => Promise<Seen>> {
  const endpoints = await Promise.all(
    ["first", "second"].map((name) =>
      harness.endpoint((exchange) => {
        const { target, fields } = exchange.request;
        exchange.answer({ body: JSON.stringify({ name, target, fields: Object.fromEntries(fields) }) });
      }),
    ),
  );
  const proxy = await harness.proxy({
    endpoints: endpoints.map(({ url }) => url),
    upstream,
    listener: { trustedProxies: [] },
    routes: [{ middlewares, upstream: "app" }],
  });
  const client = await harness.speaker(proxy);
  return async (asked = {}) => {
    const answer = await client.ask(asked);
    const cookie = answer.value("set-cookie");
    return answer.status === 200
      ? { ...(JSON.parse(answer.text) as Omit<Seen, "status" | "cookie">), status: 200, cookie }
      : { status: answer.status, cookie };
  };
}

const setTenant = { headers: { request: { set: { "x-tenant": "all" } } } };
const limit = { rateLimit: { rate: "1/h", burst: 1, key: "header:x-tenant" } };
const tenant = (name: string): Asked => ({ fields: { "x-tenant": name } });

testOverProtocols("a limit counts by a field as the middlewares before it have left it", async (harness) => {
  const ask = await start(harness, [setTenant, limit]);
  const statuses = [await ask(tenant("a")), await ask(tenant("b")), await ask()].map(({ status }) => status);
  assert.deepEqual(statuses, [200, 429, 429]);
});

testOverProtocols("a limit does not see what a middleware behind it does with a field", async (harness) => {
  const ask = await start(harness, [limit, setTenant]);
  const answers = [await ask(tenant("a")), await ask(tenant("b")), await ask(tenant("a"))];
  assert.deepEqual(
    answers.map(({ status, fields }) => [status, fields?.["x-tenant"]]),
    [
      [200, "all"],
      [200, "all"],
      [429, undefined],
    ],
  );
});

testOverProtocols(
  "a field that is removed before a limit leaves it without a key: all share one count, in any spelling of the name",
  async (harness) => {
    const ask = await start(harness, [
      { headers: { request: { remove: ["x-tenant"] } } },
      { rateLimit: { rate: "1/h", burst: 1, key: "header:x_tenant" } },
    ]);
    const statuses = [await ask({ fields: { x_tenant: "a" } }), await ask({ fields: { x_tenant: "b" } })];
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [200, 429],
    );
  },
);

testOverProtocols(
  "a balancer and an affinity come behind the whole list: their keys are what the list has made of the fields",
  async (harness) => {
    const names = async (upstream: Record<string, unknown>): Promise<Set<string | undefined>> => {
      const ask = await start(harness, [setTenant], upstream);
      const found = new Set<string | undefined>();
      for (let client = 0; client < 12; client++) found.add((await ask(tenant(`t${client}`))).name);
      return found;
    };
    assert.equal((await names({ balance: { maglev: { key: "header:x-tenant" } } })).size, 1);
    assert.equal((await names({ sticky: { key: "header:x-tenant" } })).size, 1);
  },
);

testOverProtocols(
  "the cookie of a sticky session is the client's and ours: a route that keeps cookies from its endpoints does not lose sessions",
  async (harness) => {
    const ask = await start(harness, [{ headers: { request: { remove: ["cookie"] } } }], {
      sticky: { cookie: { name: "sid" } },
    });
    const { cookie, name } = await ask();
    const fields = { cookie: cookie!.split(";")[0]! };
    for (let visit = 0; visit < 4; visit++) {
      const again = await ask({ fields });
      assert.deepEqual([again.name, again.cookie, again.fields?.["cookie"]], [name, null, undefined]);
    }
  },
);

testOverProtocols(
  "rewrites follow one another, and fields are removed or set where they stand in the list",
  async (harness) => {
    const strip = (stripPrefix: string): object => ({ rewrite: { stripPrefix } });
    const remove = { headers: { request: { remove: ["x-forwarded-prefix"] } } };
    const set = { headers: { request: { set: { "x-forwarded-prefix": "/set" } } } };
    const table: [list: object[], target: string, prefix: string | undefined][] = [
      [[strip("/a"), strip("/b")], "/c?q=/a", "/a/b"],
      [[strip("/a"), { rewrite: { replacePath: "/x" } }], "/x?q=/a", "/a"],
      [[strip("/a"), remove], "/b/c?q=/a", undefined],
      [[remove, strip("/a")], "/b/c?q=/a", "/a"],
      [[strip("/a"), remove, strip("/b")], "/c?q=/a", "/b"],
      [[strip("/a"), set], "/b/c?q=/a", "/set"],
    ];
    for (const [list, target, prefix] of table) {
      const ask = await start(harness, list);
      const seen = await ask({ path: "/a/b/c?q=/a", fields: { "x-forwarded-prefix": "/theirs" } });
      assert.deepEqual([seen.target, seen.fields?.["x-forwarded-prefix"]], [target, prefix], JSON.stringify(list));
    }
  },
);

testOverProtocols(
  "what buffer has read has a length for the limit behind it, and Via goes wherever in the list that is said",
  async (harness) => {
    const ask = await start(harness, [
      { headers: { request: { remove: ["via"] } } },
      { rateLimit: { rate: "1/h", burst: 1, key: "header:via" } },
    ]);
    const { fields } = await ask({ fields: { via: "1.1 stranger" } });
    assert.equal(fields?.["via"], undefined);
    assert.match(fields?.["cdn-loop"] ?? "", /^\S+$/);
    assert.equal((await ask({ fields: { via: "1.1 another" } })).status, 429, "Via is not sent, so it is no key");
  },
);
