/**
 * Sign-ins to real servers with a real store in memory, in this process: what they tell, what they note, what they
 * leave behind.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { CALLBACK_PORT } from "../../../lib/primitives/limits.ts";
import { listen } from "../../../lib/primitives/system/listener.ts";
import { memoryLocks } from "../../../lib/primitives/system/lock.ts";
import type { Audit, AuditEvent } from "../../../lib/services/audit/mod.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  type CredentialStore,
  entryShape,
  openStore,
  type ServerOptions,
  type ServerRecord,
} from "../../../lib/services/credentials/mod.ts";
import {
  firstHopOnly,
  LOOPBACK_SHAPE,
  signInAndStore,
  type SignInEvent,
  type StoredSignInOptions,
} from "../../../lib/services/signin/mod.ts";
import { type FakeClock, fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { fakeGrantPorts } from "../../fakes/grant_ports.ts";

/** How one sign-in is to be. */
export interface Manner {
  readonly options?: ServerOptions;
  readonly given?: StoredSignInOptions["given"];
  readonly reRegister?: boolean;
  /** The entry as the command read it; as it is stored, when left out. */
  readonly server?: ServerRecord;
  /** As for `StoredSignInRequest`; the version that is stored, when left out. */
  readonly expected?: string | null | undefined;
  /** What the person does in place of approving at once. */
  readonly open?: (url: string) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Seconds to wait for the browser; 5 unless set. */
  readonly timeoutS?: number;
  /** Ports in place of those of the scene. */
  readonly ports?: Partial<StoredSignInOptions["ports"]>;
}

/** A store, and the way to sign in to it. */
export interface SigningIn extends Disposable {
  readonly store: CredentialStore;
  readonly clock: FakeClock;
  /** What sign-ins told. */
  readonly told: SignInEvent[];
  readonly noted: AuditEvent[];
  readonly audit: Audit;
  /** The URLs that the browser was given. */
  readonly opened: string[];
  /** Runs an operation while nobody else changes the entry. */
  readonly exclusive: <T>(name: string, operation: () => Promise<T>) => Promise<T>;
  /** Signs in to an entry at a URL. */
  signIn(name: string, url: string, manner?: Manner): Promise<CredentialRecord>;
  /** The registration at an issuer that all entries share, or the one of an entry. */
  client(issuer: string, name?: string): Promise<ClientRecord | undefined>;
}

/** Makes one. */
export function signingIn(): SigningIn {
  const store = openStore({ env: fakeEnv(), keystore: "memory" });
  const clock = fakeClock(Date.now());
  const locks = memoryLocks();
  const told: SignInEvent[] = [];
  const noted: AuditEvent[] = [];
  const opened: string[] = [];
  const audit: Audit = { record: (event) => void noted.push(event) };
  const exclusive = async <T>(name: string, operation: () => Promise<T>) => {
    await using _lock = await locks.acquire(name, 1_000);
    return await operation();
  };
  return {
    store,
    clock,
    told,
    noted,
    audit,
    opened,
    exclusive,
    signIn: async (name, url, manner = {}) => {
      const stored = await store.server(name);
      const server: ServerRecord = manner.server ?? {
        ...(stored?.record ?? { name, url, createdAt: clock.now(), signIn: "oauth" }),
        options: { ...stored?.record.options, ...manner.options },
      };
      const open = manner.open ?? approve;
      return await signInAndStore({
        store,
        exclusive,
        clientName: "mcp-auth",
        given: manner.given,
        reRegister: manner.reRegister,
        timeoutS: manner.timeoutS ?? 5,
        ports: {
          http: createHttp(),
          guard: () => Promise.resolve(),
          preflight: createHttp({ guard: firstHopOnly(() => Promise.resolve()) }),
          audit,
          clock,
          grants: fakeGrantPorts({ clock }),
          // Any free port in place of the preferred one, which others that test on this machine may have.
          listen: (options) =>
            listen({ ...options, ports: options.ports.filter((port) => port !== CALLBACK_PORT) }),
          browser: {
            open: async (url) => {
              opened.push(url);
              await open(url);
            },
          },
          tell: (event) => void told.push(event),
          ...manner.ports,
        },
      }, {
        server,
        expected: "expected" in manner ? manner.expected : stored?.version ?? null,
        challenge: {},
        ...(manner.signal === undefined ? {} : { signal: manner.signal }),
      });
    },
    client: (issuer, name) => store.client(issuer, name === undefined ? LOOPBACK_SHAPE : entryShape(name)),
    [Symbol.dispose]: () => store.close(),
  };
}

/** A browser whose server needs no person. */
export async function approve(url: string): Promise<void> {
  const response = await fetch(url);
  await response.body?.cancel();
}
