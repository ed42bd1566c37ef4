/** TLS to endpoints of other makes: nginx, and the server of OpenSSL. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { TestAuthority } from "../../src/net/testing/test-authority.ts";
import { EdgePeer, nginxCommand } from "../support/edge-peers.ts";
import { freePort, isRefused } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";

const opensslCommand = findCommand("openssl");

async function writeFiles(harness: Harness) {
  const authority = await TestAuthority.create();
  const folder = await harness.folder();
  const [server, client] = [
    await authority.issue({ names: ["localhost"] }),
    await authority.issue({ subject: "CN=proxy" }),
  ];
  const texts = {
    ca: authority.root,
    cert: server.cert,
    key: server.key,
    ourCert: client.cert,
    ourKey: client.key,
  };
  const paths = Object.fromEntries(Object.keys(texts).map((name) => [name, join(folder, name)]));
  for (const [name, text] of Object.entries(texts)) await writeFile(paths[name]!, text, { mode: 0o600 });
  return paths as Record<keyof typeof texts, string>;
}

for (const version of ["TLSv1.2", "TLSv1.3"])
  testWithHarness(
    `nginx as an endpoint: it is verified, wants our certificate, and resumes sessions, ${version}`,
    async (harness) => {
      const files = await writeFiles(harness);
      const port = await freePort();
      const peer = await EdgePeer.nginx(
        `http {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols ${version};
    ssl_certificate ${files.cert};
    ssl_certificate_key ${files.key};
    ssl_client_certificate ${files.ca};
    ssl_verify_client on;
    ssl_session_cache shared:s:1m;
    keepalive_timeout 0;
    location / { return 200 "$ssl_protocol $ssl_session_reused $ssl_client_s_dn $ssl_server_name"; }
  }
}`,
        port,
      );
      harness.atEnd(() => peer.stop());
      const endpoints = [`https://localhost:${port}`];
      const tls = { ca: files.ca, cert: files.ourCert, key: files.ourKey };
      await harness.proxy({ endpoints, upstream: { tls } });
      const client = await harness.speaker();
      const answers: string[] = [];
      for (let at = 0; at < 4; at++) answers.push((await client.ask()).text);
      assert.deepEqual(answers, [
        `${version} . CN=proxy localhost`,
        ...Array.from({ length: 3 }, () => `${version} r CN=proxy localhost`),
      ]);
      const stranger = await harness.proxy({ endpoints, upstream: { tls: { ca: files.ca } } });
      // It lets the handshake pass, and refuses the request.
      assert.equal((await harness.ask({}, stranger)).status, 400);
    },
    { skip: nginxCommand === null && "nginx is not installed" },
  );

testWithHarness(
  "the server of OpenSSL as an endpoint: an answer that its close ends is complete, and a certificate is wanted",
  async (harness) => {
    const files = await writeFiles(harness);
    const port = await freePort();
    const options = ["-accept", `127.0.0.1:${port}`, "-cert", files.cert, "-key", files.key, "-CAfile", files.ca];
    const child = spawn(
      opensslCommand!,
      ["s_server", "-www", "-quiet", "-Verify", "1", "-verify_return_error", ...options],
      {
        stdio: "ignore",
      },
    );
    harness.atEnd(async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    });
    await eventually(async () => !(await isRefused(port)), "openssl listens");
    const upstream = { retry: { attempts: 0 }, outlier: false };
    const endpoints = [`https://localhost:${port}`];
    const proxy = await harness.proxy({
      endpoints,
      upstream: { ...upstream, tls: { ca: files.ca, cert: files.ourCert, key: files.ourKey } },
    });
    const answer = await harness.ask({ path: "/" }, proxy);
    assert.equal(answer.status, 200);
    assert.match(answer.text, /s_server[^]*TLSv1\.3[^]*<\/html>/i);
    const stranger = await harness.proxy({ endpoints, upstream: { ...upstream, tls: { ca: files.ca } } });
    assert.equal((await harness.ask({ path: "/" }, stranger)).reason, "UPSTREAM_TLS_REFUSED");
  },
  { skip: opensslCommand === null && "openssl is not installed" },
);
