import assert from "node:assert/strict";
import { systemEnv } from "../../../lib/primitives/system/env.ts";

const variable = "MCP_AUTH_TEST_VARIABLE";

Deno.test("a variable reads as it is set", () => {
  Deno.env.set(variable, " value ");
  try {
    assert.equal(systemEnv.get(variable), " value ");
  } finally {
    Deno.env.delete(variable);
  }
});

Deno.test("a variable that is unset or set to nothing reads as undefined", () => {
  assert.equal(systemEnv.get(variable), undefined);
  Deno.env.set(variable, "");
  try {
    assert.equal(systemEnv.get(variable), undefined);
  } finally {
    Deno.env.delete(variable);
  }
});

Deno.test({
  name: "a variable that the sandbox does not grant reads as undefined",
  permissions: { env: ["HOME"] },
  fn() {
    assert.equal(systemEnv.get(variable), undefined);
    assert.equal(systemEnv.get("PATH"), undefined);
  },
});
