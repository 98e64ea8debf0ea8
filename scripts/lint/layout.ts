/**
 * The tree of `lib/` as tables: which folders there are and which of them each may import. A folder that is not listed
 * has no place, so a new one is a decision made here and not a side effect of creating a file.
 *
 * @module
 */

type Table = Readonly<Record<string, readonly string[]>>;

/** For each folder of `lib/primitives/`, its siblings. The files directly in `lib/primitives/` are free to all. */
const PRIMITIVES: Table = {
  system: [],
  crypto: [],
  jose: [],
  http: ["system"],
  kv_connect: ["http", "system"],
  oauth: ["http", "crypto", "jose"],
  mcp: ["http"],
};

/** For each folder of `lib/services/`, its siblings, which it meets through their `mod.ts`. */
const SERVICES: Table = {
  config: [],
  audit: [],
  rate_limit: [],
  credentials: ["audit", "config"],
  grants: ["credentials", "config"],
  providers: ["credentials", "config"],
  tokens: ["credentials", "audit", "config", "rate_limit", "grants"],
  signin: ["tokens", "credentials", "audit", "config", "rate_limit", "grants"],
  transfer: ["tokens", "credentials", "audit", "config"],
  bridge: ["tokens"],
  hosts: ["config"],
  diagnosis: ["signin", "tokens", "credentials", "audit", "config", "providers", "grants", "bridge"],
  gateway: ["tokens", "signin", "bridge", "resource_server", "audit"],
  resource_server: ["audit"],
  authorization_server: ["credentials", "resource_server", "audit"],
};

/** For each folder of `lib/interfaces/`, its siblings. */
const INTERFACES: Table = {
  composition: [],
  cli: ["http", "composition"],
  http: ["composition"],
  sdk: ["http", "composition"],
};

const LAYERS: Readonly<Record<string, Table>> = {
  primitives: PRIMITIVES,
  services: SERVICES,
  interfaces: INTERFACES,
};

/** From the lowest up: a layer imports only those before it. */
const ORDER = ["primitives", "services", "interfaces"] as const;

/** What is wrong, and what is wanted instead. */
export interface Objection {
  readonly message: string;
  readonly hint: string;
}

interface Node {
  readonly layer: string;
  /** undefined for a file directly in the layer's folder. */
  readonly folder: string | undefined;
  /** Below the folder. */
  readonly file: string;
}

function nodeOf(place: string): Node | undefined {
  const [lib, layer, ...rest] = place.split("/");
  if (lib !== "lib" || layer === undefined || rest.length === 0) return undefined;
  return rest.length === 1
    ? { layer, folder: undefined, file: rest[0] ?? "" }
    : { layer, folder: rest[0], file: rest.slice(1).join("/") };
}

const list = (names: readonly string[]) => names.length === 0 ? "none" : names.join(", ");

/**
 * Objects to a file that has no place in the tree.
 *
 * @param place A path below the checkout that starts with `lib/`.
 */
export function objectionToPlace(place: string): Objection | undefined {
  if (place === "lib/mod.ts") return undefined;
  const node = nodeOf(place);
  const table = node && LAYERS[node.layer];
  if (!node || !table) {
    return {
      message: `"${place}" stands outside the layers`,
      hint: `Put it in lib/primitives/, lib/services/ or lib/interfaces/`,
    };
  }
  if (node.folder === undefined) {
    if (node.layer === "primitives") return undefined;
    return {
      message: `"${place}" stands directly in lib/${node.layer}/`,
      hint: `Put it in a folder of that layer: ${list(Object.keys(table))}`,
    };
  }
  if (Object.hasOwn(table, node.folder)) return undefined;
  return {
    message: `"lib/${node.layer}/${node.folder}/" is not a folder of the tree`,
    hint: `Use one of ${
      list(Object.keys(table))
    }, or add it to scripts/lint/layout.ts with what it may import`,
  };
}

/**
 * Objects to an import between two files of the checkout that does not point down. Types count like values.
 *
 * @param from The importing file: `main.ts`, or a path that starts with `lib/`.
 * @param to The imported file, as a path below the checkout.
 * @param typeOnly Whether only types are imported: `lib/mod.ts` may name public types from anywhere.
 */
export function objectionToImport(from: string, to: string, typeOnly: boolean): Objection | undefined {
  if (to === "deno.json") return undefined;
  const target = nodeOf(to);
  if (!target || !LAYERS[target.layer]) {
    return {
      message: `"${from}" imports "${to}", which is no part of the layers`,
      hint: from === "main.ts"
        ? `Import lib/interfaces/cli`
        : `The product imports only lib/primitives/, lib/services/ and lib/interfaces/; scripts/ and tests/ import the product`,
    };
  }
  if (target.layer === "primitives" && target.folder === undefined) return undefined;
  if (from === "main.ts") return objectionToMain(to, target);
  if (from === "lib/mod.ts") return objectionToFace(to, target, typeOnly);
  const source = nodeOf(from);
  return source &&
    (objectionToDirection(from, source, to, target) ?? objectionToSibling(from, source, to, target));
}

function objectionToMain(to: string, target: Node): Objection | undefined {
  const name = `${target.layer}/${target.folder}`;
  if (name === "interfaces/cli" || name === "primitives/system") return undefined;
  return {
    message: `"main.ts" imports "${to}"`,
    hint: `main.ts imports lib/interfaces/cli, and lib/primitives/system for its restart`,
  };
}

function objectionToFace(to: string, target: Node, typeOnly: boolean): Objection | undefined {
  if (target.layer === "interfaces") {
    return target.folder === "sdk" ? undefined : {
      message: `"lib/mod.ts" imports "${to}"`,
      hint: `lib/mod.ts re-exports lib/interfaces/sdk, and the public types of services and primitives`,
    };
  }
  if (!typeOnly) {
    return {
      message: `"lib/mod.ts" imports values of "${to}"`,
      hint: `Re-export the types alone with "export type", and values through lib/interfaces/sdk`,
    };
  }
  return objectionToDoor("lib/mod.ts", to, target);
}

function objectionToDirection(from: string, source: Node, to: string, target: Node): Objection | undefined {
  const rank = (layer: string) => (ORDER as readonly string[]).indexOf(layer);
  if (rank(source.layer) < rank(target.layer)) {
    return {
      message: `"${from}" imports "${to}", which is above it`,
      hint: `Imports point down: interfaces, then services, then primitives`,
    };
  }
  return source.layer === target.layer ? undefined : objectionToDoor(from, to, target);
}

function objectionToSibling(from: string, source: Node, to: string, target: Node): Objection | undefined {
  if (source.layer !== target.layer || source.folder === target.folder) return undefined;
  const allowed = source.folder === undefined ? [] : LAYERS[source.layer]?.[source.folder] ?? [];
  if (!allowed.includes(target.folder ?? "")) {
    const who = source.folder === undefined
      ? `A file directly in lib/${source.layer}`
      : `lib/${source.layer}/${source.folder}`;
    return {
      message: `"${from}" imports its sibling "${to}"`,
      hint: `${who} may import these folders of its layer: ${list(allowed)}`,
    };
  }
  return objectionToDoor(from, to, target);
}

/** A service is entered through its `mod.ts` from wherever outside it. */
function objectionToDoor(from: string, to: string, target: Node): Objection | undefined {
  if (target.layer !== "services" || target.file === "mod.ts") return undefined;
  return {
    message: `"${from}" imports "${to}" past the service's mod.ts`,
    hint: `Import lib/services/${target.folder}/mod.ts, and export there what is public`,
  };
}
