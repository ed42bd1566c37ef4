#!/usr/bin/env node
// The command of the published package. Written for any Node.js since 12, so that an old one gets a sentence instead of
// a syntax error; the versions are those of "engines" in package.json. The build puts the compiled CLI in the place of
// the sources.
"use strict";

var early = listenForEarlySignals();

var version = process.versions.node.split(".").map(Number);
var major = version[0];
var minor = version[1];
var isSupported = (major === 22 && minor >= 18) || (major === 24 && minor >= 11) || major >= 26;

if (isSupported) {
  cacheCompiledCode();
  import("../src/cli/main.ts")
    .then(function (cli) {
      return cli.main(process.argv.slice(2), early);
    })
    .catch(function (error) {
      console.error(error);
      process.exitCode = 1;
    });
} else {
  console.error("millrace needs Node.js 22.18, 24.11, or 26 and later; this is Node.js " + process.versions.node + ".");
  process.exitCode = 1;
}

// Signals that come while the program is still being loaded. SIGUSR1 must never open Node's debugger, whatever the
// command. Of a command that serves, SIGHUP and SIGUSR2 must not end the process: SIGHUP is remembered, to reload
// later; SIGTERM and SIGINT end it at once and as asked, for nothing is open yet. "take" ends this and tells what came.
function listenForEarlySignals() {
  var isServing = ["run", "proxy", "demo"].indexOf(process.argv[2]) !== -1;
  var came = [];
  var handlers = {
    SIGUSR1: function () {
      closeDebugger();
    },
  };
  if (isServing) {
    handlers.SIGHUP = function () {
      came.push("SIGHUP");
    };
    handlers.SIGUSR2 = function () {};
    handlers.SIGTERM = handlers.SIGINT = function () {
      process.exit(0);
    };
  }
  Object.keys(handlers).forEach(function (name) {
    process.on(name, handlers[name]);
  });
  closeDebugger();
  return {
    take: function () {
      closeDebugger();
      Object.keys(handlers).forEach(function (name) {
        process.removeListener(name, handlers[name]);
      });
      return came;
    },
  };
}

// One that SIGUSR1 opened before this program was read; not one that the user asked for.
function closeDebugger() {
  var wanted = process.execArgv.concat(process.env.NODE_OPTIONS || "").some(function (text) {
    return /--inspect(?!-port|-publish)/.test(text);
  });
  if (wanted) return;
  var inspector = require("inspector");
  if (inspector.url() !== undefined) inspector.close();
}

// Keeps what V8 compiled in the user's cache folder, which nobody else can write: the second start is about twice as
// fast. Where there is no such folder, or NODE_DISABLE_COMPILE_CACHE is set, everything works without;
// NODE_COMPILE_CACHE names another folder.
function cacheCompiledCode() {
  var fs = require("fs");
  var path = require("path");
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return;
  var home = homeFolder();
  if (home === null || home === "/" || !fs.existsSync(home)) return;
  var cache = process.env.XDG_CACHE_HOME || path.join(home, ".cache");
  [cache, path.join(cache, "millrace")].forEach(function (folder) {
    try {
      fs.mkdirSync(folder, 448);
    } catch (error) {
      // It is there, or cannot be: then there is no cache.
    }
  });
  cache = path.join(cache, "millrace");
  if (!fs.existsSync(cache)) return;
  require("module").enableCompileCache(cache);
  // Threads look here, and nowhere else.
  process.env.NODE_COMPILE_CACHE = cache;
}

// Null for a user without HOME who is in no passwd file (containers, chroots, numeric user ids): Node.js throws then.
function homeFolder() {
  try {
    return require("os").homedir();
  } catch (error) {
    return null;
  }
}
