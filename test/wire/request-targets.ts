/** Targets and Host (RFC 9112 section 3, RFC 9110 sections 4.2 and 7.2, RFC 3986): one reading, or none. */
import { forward, refuse, type RequestFixture } from "./request-fixture.ts";

const asked = (target: string, host = "a"): string => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const badHosts = ["a,b", "a b", "u@h", "h/x", "h:80x", "[::1", "::1", "<x>", "h\xe9", "", ":80", "a:b", "a:99999", "a:-1", "a:80:80", "[::1]x", "[x]", "a\\b", "a?b", "a#b", "http://a", "a%", "a%0a", "\"a\"", "a;b", "a\tb", "{a}", "a|b", "[]", "a^b", "a`b"];

const badTargets = ["a", "foo/bar", "*", "a:80", "//user@host\\x", "/a#b", "/#", "#", "/a\\b", "\\", "/a\x80b", "/a\xffb", "?x", "/%", "/%0", "/%zz", "/%00", "/a%0g", "/..", "/../", "/../x", "/a/../../x", "/%2e%2e/x", "/.%2e/x", "/a/..%2f../..%2fx", "/%2e%2e%2f"];

const badAbsolute = ["http://", "http:///x", "http://u@h/", "http://u:p@h/", "http://:80/", "http://h:x/", "http://h:99999/", "http://h:-1/", "http://[::1/", "http://a b/", "http://a,b/", "http:/a/", "http:a", "ftp://a/", "file:///etc/passwd", "gopher://a/", "ws://a/", "javascript:alert(1)", "http://a/#f", "http://a\\b/", "http://a/%00",
  "unix:/x", "https", "HTTP:", "http//a/", "://a/"];

export const targetFixtures: RequestFixture[] = [
  refuse("no Host", "GET / HTTP/1.1\r\n\r\n"),
  refuse("no Host but other fields", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
  refuse("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
  refuse("two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
  refuse("two Hosts apart, in other case", "GET / HTTP/1.1\r\nhost: a\r\nX: y\r\nHOST: a\r\n\r\n"),
  refuse("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
  refuse("a folded Host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n"),
  refuse("no Host beside an absolute target", "GET http://a/ HTTP/1.1\r\n\r\n"),
  refuse("two Hosts beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
  refuse("a bad Host beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a,b\r\n\r\n"),
  ...badHosts.map((host) => refuse(`the Host ${JSON.stringify(host)}`, asked("/", host))),
  ...badTargets.map((target) => refuse(`the target ${JSON.stringify(target)}`, asked(target))),
  ...badAbsolute.map((target) => refuse(`the target ${JSON.stringify(target)}`, asked(target))),
  refuse("* with POST", "POST * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
  refuse("an authority outside CONNECT", asked("a:443")),

  refuse("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
  refuse("CONNECT with early bytes", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", 405),
  refuse("CONNECT in origin form", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405, 400),
  refuse("CONNECT with a length", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello", 405, 400),
  refuse("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n", 405),

  ...["a", "A.Example.COM", "a:80", "a:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080", "xn--caf-dma.example", "a.", "a_b", "a-b.c", "sub.a:65535"].map((host) => forward(`the Host ${host}`, asked("/", host), { line: "GET /", host })),
  ...["/", "/a", "/a/b/", "/a?b=c", "/?", "/a?b?c", "/a?b=/../c", "/a;p=1/b", "//a", "/a//b", "/a%20b", "/%41", "/a%2fb", "/~!$&'()*+,=:@-._", "/a?x={y}|[z]", "/a?x=%zz", "/a.b/..c/...", "/a?\"<>^`"]
    .map((target) => forward(`the target ${target}`, asked(target), { line: `GET ${target}` })),
  ...([["/a/../b", "/b"], ["/a/./b", "/a/b"], ["/a/b/..", "/a/"], ["/a/.", "/a/"], ["/a/%2e%2e/b", "/b"], ["/a/%2E/b?c=/../d", "/a/b?c=/../d"]] as const)
    .map(([target, canonical]) => forward(`the target ${target} is forwarded as ${canonical}`, asked(target), { line: `GET ${canonical}` })),
  ...([["http://b/x?y", "/x?y", "b"], ["HTTP://B/", "/", "B"], ["http://b", "/", "b"], ["http://b:81/x", "/x", "b:81"], ["https://b/", "/", "b"], ["http://b?q", "/?q", "b"], ["http://[::1]:80/x", "/x", "[::1]:80"], ["http://b/a/../c", "/c", "b"]] as const)
    .map(([target, line, host]) => forward(`the absolute target ${target}`, asked(target), { line: `GET ${line}`, host })),
  forward("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", { line: "OPTIONS *" }),
  forward("OPTIONS of an absolute target without a path", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", { line: "OPTIONS *", host: "b" }),
  forward("a target of 6 KiB", asked(`/${"y".repeat(6 * 1024)}`), { line: `GET /${"y".repeat(6 * 1024)}` }),
];
