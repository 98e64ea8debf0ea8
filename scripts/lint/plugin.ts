/**
 * The rules of this tree that a machine can hold, as one plugin for `deno lint`. They apply to `lib/` and `main.ts`;
 * `tests/` and `scripts/` may use anything. A file that has a good reason to break one says so beside the place:
 * `// deno-lint-ignore mcp-auth/<rule> -- <reason>`.
 *
 * @module
 */
import { effects } from "./effects.ts";
import { fileSize } from "./file_size.ts";
import { layers } from "./layers.ts";
import { moduleDoc } from "./module_doc.ts";
import { moduleState } from "./module_state.ts";
import { names } from "./names.ts";
import { packages } from "./packages.ts";

/** The plugin; its rules are reported as `mcp-auth/<rule>`. */
const plugin: Deno.lint.Plugin = {
  name: "mcp-auth",
  rules: {
    layers,
    packages,
    effects,
    "module-state": moduleState,
    "file-size": fileSize,
    "module-doc": moduleDoc,
    names,
  },
};

export default plugin;
