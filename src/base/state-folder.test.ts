import assert from "node:assert/strict";
import { test } from "node:test";
import { stateFolder } from "./state-folder.ts";

test("what outlives the process is kept where the service manager says, else with the data of the user", () => {
  assert.equal(stateFolder({ STATE_DIRECTORY: "/var/lib/m:/x", XDG_DATA_HOME: "/d" }, "acme"), "/var/lib/m/acme");
  assert.equal(stateFolder({ STATE_DIRECTORY: "", XDG_DATA_HOME: "/d" }, "acme"), "/d/millrace/acme");
  assert.match(stateFolder({ XDG_DATA_HOME: "" }, "ca", "linux"), /\/\.local\/share\/millrace\/ca$/);
  assert.match(stateFolder({}, "ca", "darwin"), /\/Library\/Application Support\/Millrace\/ca$/);
  assert.equal(stateFolder({ LOCALAPPDATA: "/local" }, "ca", "win32"), "/local/Millrace/ca");
});
