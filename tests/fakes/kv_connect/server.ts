/**
 * A KV Connect server for tests, since the npm registry has none: the metadata exchange and the data path of
 * the published protocol over a database in memory, behind the listener that all demo servers share, so that a test can
 * have any request hang, fail, or lose its answer. That it speaks the protocol is shown by Deno's own client, which a
 * test runs against it; the real servers (`denokv`, Deno Deploy) are not run here.
 *
 * @see https://github.com/denoland/denokv/blob/main/proto/kv-connect.md
 * @module
 */
import {
  bytesField,
  bytesOf,
  type Field,
  joined,
  numberField,
  numberOf,
  readFields,
} from "../../../lib/primitives/kv_connect/protobuf.ts";
import {
  type DemoServer,
  sendResponse,
  startHttpFront,
  type TlsSettings,
} from "../../../scripts/demo/servers/http_front.ts";
import { KvDatabase, LimitExceeded, type StoredRecord } from "./database.ts";

/** What a server is to be like; all of it is optional. */
export interface KvConnectServerOptions {
  /** Has it speak TLS. */
  readonly tls?: TlsSettings;
  readonly database?: KvDatabase;
  /** The access token it takes. */
  readonly accessToken?: string;
  /** The port; any free one when left out. */
  readonly port?: number;
  /** How long what the metadata exchange tells may be used, in ms; negative for a client whose clock is ahead. */
  readonly lifeMs?: number;
  /** Members of the metadata that differ. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A running server. */
export interface KvConnectServer extends DemoServer {
  /** The URL for `MCP_AUTH_STORE`. */
  readonly url: string;
  readonly accessToken: string;
  readonly database: KvDatabase;
  /** Refuses the token of the data path that it gave, as after a change of keys: clients have to ask for another. */
  renewDataToken(): void;
}

/** The paths, for faults. */
export const METADATA = "POST /", READ = "POST /v3/snapshot_read", WRITE = "POST /v3/atomic_write";

const DATABASE_ID = "4bbf4eb0-63e1-4c09-9a1e-5b0bb2b1d7a5";

/** A request as the protocol sees it. */
export interface ProtocolRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What answers, whatever listens. */
export class KvConnectService {
  readonly accessToken: string;
  readonly database: KvDatabase;
  readonly #lifeMs: number;
  readonly #metadata: Readonly<Record<string, unknown>>;
  #dataToken = crypto.randomUUID();

  constructor(options: KvConnectServerOptions) {
    this.accessToken = options.accessToken ?? "store-access-token";
    this.database = options.database ?? new KvDatabase();
    this.#lifeMs = options.lifeMs ?? 3_600_000;
    this.#metadata = options.metadata ?? {};
  }

  /** Gives out another token of the data path, and takes the old one no more. */
  renewDataToken(): void {
    this.#dataToken = crypto.randomUUID();
  }

  /** Answers one request. */
  answer({ method, path, headers, body }: ProtocolRequest): Response {
    const target = `${method} ${path}`;
    const token = target === METADATA ? this.accessToken : this.#dataToken;
    if (headers.get("authorization") !== `Bearer ${token}`) return text(401, "Invalid access token.");
    if (target === METADATA) return this.#describe(body);
    if (target !== READ && target !== WRITE) return text(404, "Resource not found.");
    if (headers.get("x-denokv-version") !== "3") return text(400, "Expected protocol version 3.");
    if (headers.get("x-denokv-database-id") !== DATABASE_ID) return text(400, "Invalid database id.");
    if (headers.get("content-type") !== "application/x-protobuf") return text(415, "Expected protobuf.");
    try {
      const message = (target === READ ? read : write)(this.database, body);
      return new Response(message, { headers: { "content-type": "application/x-protobuf" } });
    } catch (error) {
      if (error instanceof LimitExceeded || error instanceof RangeError) return text(400, error.message);
      throw error;
    }
  }

  #describe(body: Uint8Array<ArrayBuffer>): Response {
    const { supportedVersions } = JSON.parse(new TextDecoder().decode(body));
    if (!supportedVersions.includes(3)) return text(400, "The server requires protocol version 3.");
    return Response.json({
      version: 3,
      databaseId: DATABASE_ID,
      endpoints: [{ url: "/v3", consistency: "strong" }],
      token: this.#dataToken,
      expiresAt: new Date(Date.now() + this.#lifeMs).toISOString(),
      ...this.#metadata,
    });
  }
}

/** Starts a server on loopback. */
export async function startKvConnectServer(options: KvConnectServerOptions = {}): Promise<KvConnectServer> {
  const service = new KvConnectService(options);
  const front = await startHttpFront(
    async ({ recorded, body, response, signal }) => {
      const { method, path, headers } = recorded;
      await sendResponse(response, service.answer({ method, path, headers, body }), signal);
    },
    options.port,
    false,
    options.tls,
  );
  const { accessToken, database } = service;
  return {
    ...front,
    url: `${front.origin}/`,
    accessToken,
    database,
    renewDataToken: () => service.renewDataToken(),
    [Symbol.asyncDispose]: () => front.close(),
  };
}

/** Starts a server for Deno's own client, which speaks HTTP/2 on loopback too. */
export function startHttp2Server(): Pick<KvConnectServer, "url" | "accessToken"> & AsyncDisposable {
  const service = new KvConnectService({});
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) =>
      service.answer({
        method: request.method,
        path: new URL(request.url).pathname,
        headers: request.headers,
        body: new Uint8Array(await request.arrayBuffer()),
      }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    accessToken: service.accessToken,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** `SnapshotRead` to `SnapshotReadOutput`. */
function read(database: KvDatabase, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const stretches = bytesOf(readFields(body), 1).map((message) => {
    const fields = readFields(message);
    return {
      start: bytesIn(fields, 1),
      end: bytesIn(fields, 2),
      limit: numberOf(fields, 3),
      reverse: numberOf(fields, 4) === 1,
    };
  });
  const ranges = database.read(stretches).map((records) =>
    bytesField(1, joined(...records.map((record) => bytesField(1, entry(record)))))
  );
  return joined(...ranges, numberField(4, 1), numberField(8, 1));
}

/** `AtomicWrite` to `AtomicWriteOutput`. */
function write(database: KvDatabase, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const fields = readFields(body);
  const checks = bytesOf(fields, 1).map((message) => {
    const check = readFields(message);
    return { key: bytesIn(check, 1), version: bytesIn(check, 2) };
  });
  const mutations = bytesOf(fields, 2).map((message) => {
    const mutation = readFields(message);
    const value = readFields(bytesIn(mutation, 2));
    return {
      key: bytesIn(mutation, 1),
      value: bytesIn(value, 1),
      encoding: numberOf(value, 2),
      type: numberOf(mutation, 3),
    };
  });
  if (mutations.some(({ type }) => type !== 1 && type !== 2)) throw new RangeError("Invalid mutation kind.");
  const version = database.write({
    checks,
    sets: mutations.filter(({ type }) => type === 1),
    deletes: mutations.filter(({ type }) => type === 2).map(({ key }) => key),
  });
  return version === undefined ? numberField(1, 2) : joined(numberField(1, 1), bytesField(2, version));
}

function entry({ key, value, encoding, version }: StoredRecord): Uint8Array<ArrayBuffer> {
  return joined(bytesField(1, key), bytesField(2, value), numberField(3, encoding), bytesField(4, version));
}

function bytesIn(fields: readonly Field[], field: number): Uint8Array<ArrayBuffer> {
  return (bytesOf(fields, field).at(-1) ?? new Uint8Array()).slice();
}

function text(status: number, words: string): Response {
  return new Response(words, { status, headers: { "content-type": "text/plain" } });
}
