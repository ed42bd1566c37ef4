#!/usr/bin/env node
// The command of the published package. Written for any Node.js since 12, so that an old one gets a sentence instead of a syntax error;
// the versions are those of "engines" in package.json. The build puts the compiled CLI in the place of the sources.
"use strict";

var version = process.versions.node.split(".").map(Number);
var major = version[0];
var minor = version[1];
var isSupported = (major === 22 && minor >= 18) || (major === 24 && minor >= 11) || major >= 26;

if (isSupported) {
  import("../src/cli/main.ts").then(
    function (cli) { return cli.main(process.argv.slice(2)); },
  ).catch(
    function (error) {
      console.error(error);
      process.exitCode = 1;
    },
  );
} else {
  console.error("millrace needs Node.js 22.18, 24.11, or 26 and later; this is Node.js " + process.versions.node + ".");
  process.exitCode = 1;
}
