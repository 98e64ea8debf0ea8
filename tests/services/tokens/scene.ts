/**
 * A token authority over a real sealed store and real locks, with one entry that is signed in at a token endpoint.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { fileLocks, type Locks, memoryLocks } from "../../../lib/primitives/system/lock.ts";
import {
  type CredentialRecord,
  type CredentialStore,
  openStore,
  type ServerOptions,
  type ServerRecord,
} from "../../../lib/services/credentials/mod.ts";
import type { AuditEvent } from "../../../lib/services/audit/mod.ts";
import { TokenAuthority } from "../../../lib/services/tokens/mod.ts";
import { type FakeClock, fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { type FakeGrantOptions, fakeGrantPorts } from "../../fakes/grant_ports.ts";
import { type Script, startTokenEndpoint, type TokenEndpoint } from "./token_endpoint.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Members of a credential that differ; undefined for those that are not there. */
export type Members = { readonly [Name in keyof CredentialRecord]?: CredentialRecord[Name] | undefined };

/** What a test may set. */
export interface SceneOptions {
  /** How the credential differs; null: nobody is signed in. */
  readonly credential?: Members | null;
  readonly script?: Script;
  /** The options of the entry. */
  readonly options?: ServerOptions;
  /** What its grant finds. */
  readonly grants?: Omit<FakeGrantOptions, "clock" | "identity">;
  /** Where the store and the locks are; in memory unless set. */
  readonly home?: string;
  /** Holds room in the store. */
  readonly room?: () => Promise<Disposable>;
  /** Stands between the authority and the store. */
  readonly wrapStore?: (store: CredentialStore) => CredentialStore;
}

/** The scene. */
export interface Scene extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly endpoint: TokenEndpoint;
  readonly store: CredentialStore;
  readonly authority: TokenAuthority;
  readonly locks: Locks;
  /** The entry and credential as they were stored. */
  readonly server: ServerRecord;
  readonly credential: CredentialRecord;
  /** What was noted, in order. */
  readonly audited: AuditEvent[];
  /** How many shielded operations are under way, and how many there were. */
  readonly shields: { open: number; total: number };
  /** The credential as it is stored now. */
  stored(): Promise<CredentialRecord | undefined>;
  /** Stores a credential over what is there, as a sign-in by another process does. */
  signInElsewhere(members: Members): Promise<void>;
  /** Signs out, as another process does. */
  signOutElsewhere(): Promise<void>;
  /** Another authority over the same store, as another process has. */
  sibling(): TokenAuthority;
}

/** Sets the scene: entry `demo`, an hour's token `at-0` that was obtained now, refresh token `rt-0`. */
export async function setScene(options: SceneOptions = {}): Promise<Scene> {
  const clock = fakeClock();
  const endpoint = startTokenEndpoint(options.script);
  const env = fakeEnv();
  const { home } = options;
  const store = openStore({ env, keystore: home === undefined ? "memory" : "file", home });
  const locks = home === undefined ? memoryLocks() : fileLocks(home);
  const shields = { open: 0, total: 0 };
  const audited: AuditEvent[] = [];
  const sibling = () => {
    const made: TokenAuthority = new TokenAuthority({
      store: options.wrapStore?.(store) ?? store,
      clock,
      http: () => createHttp(),
      grants: () =>
        Promise.resolve(
          fakeGrantPorts({ clock, ...options.grants, identity: (name) => made.identity(name) }),
        ),
      locks: () => Promise.resolve(locks),
      shield: async (operation) => {
        shields.open++;
        shields.total++;
        try {
          return await operation();
        } finally {
          shields.open--;
        }
      },
      room: options.room ?? (() => Promise.resolve({ [Symbol.dispose]: () => {} })),
      audit: { record: (event) => void audited.push(event) },
    });
    return made;
  };
  const server: ServerRecord = {
    name: "demo",
    url: "https://mcp.example.com/mcp",
    createdAt: clock.now(),
    signIn: "oauth",
    options: options.options ?? {},
  };
  const client = {
    issuer: endpoint.issuer,
    redirectShape: "loopback",
    source: "dynamic",
    clientId: "client",
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registeredAt: clock.now(),
  } as const;
  const credential = withoutUndefined({
    name: "demo",
    issuer: endpoint.issuer,
    authorizationServer: { issuer: endpoint.issuer, token_endpoint: `${endpoint.issuer}/token` },
    client,
    resource: "https://mcp.example.com/mcp",
    requestedScopes: ["read"],
    grantedScopes: ["read"],
    accessToken: "at-0",
    tokenType: "bearer",
    refreshToken: "rt-0",
    obtainedAt: clock.now(),
    expiresAt: clock.now() + HOUR,
    ...options.credential,
  });
  if (options.credential === null) await store.putServer(server, null);
  else await store.saveSignedIn({ server, credential, client });
  const stored = async () => (await store.credential("demo"))?.record;
  return {
    clock,
    endpoint,
    store,
    authority: sibling(),
    locks,
    server,
    credential,
    audited,
    shields,
    stored,
    sibling,
    signInElsewhere: async (members) => {
      const found = await store.credential("demo");
      await store.changeCredential(
        "demo",
        found?.version ?? null,
        withoutUndefined({ ...credential, ...members }),
      );
    },
    signOutElsewhere: async () => {
      const found = await store.credential("demo");
      await store.changeCredential("demo", found?.version ?? null, undefined);
    },
    [Symbol.asyncDispose]: async () => {
      store.close();
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

/** A record leaves out what tests call undefined. */
function withoutUndefined(members: Members): CredentialRecord {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as unknown as CredentialRecord;
}
