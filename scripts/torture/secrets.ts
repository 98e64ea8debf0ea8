/**
 * Looks for secrets in whatever a run leaves behind: as they are, percent-encoded, in base64 at any alignment, and in
 * hexadecimal. A secret is found by blocks of 16 characters, so that most of one is as bad as all of it; and a text is
 * gone through once, however many secrets there are.
 *
 * @module
 */

/** What kind of secret it is. */
export type SecretKind =
  | "access token"
  | "refresh token"
  | "ID token"
  | "code"
  | "client secret"
  | "registration token"
  | "state"
  | "PKCE verifier"
  | "key"
  | "passphrase";

/** A secret that was issued in a run, or given to it. */
export interface Secret {
  readonly kind: SecretKind;
  readonly value: string;
  /** The bytes that it stands for, where it is an encoding itself. */
  readonly bytes?: Uint8Array;
}

/** A secret where it should not be. */
export interface Finding {
  readonly kind: SecretKind;
  /** How it was written there. */
  readonly form: string;
  /** The secret's fingerprint: the first characters alone. */
  readonly secret: string;
  readonly place: string;
}

const BLOCK = 16;

interface Block {
  readonly secret: Secret;
  readonly form: string;
}

/** The secrets of a run, ready to be looked for. */
export class SecretIndex {
  readonly #blocks = new Map<string, Block>();
  readonly #known = new Set<string>();

  /** How many secrets it knows. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Adds secrets; those it knows already cost nothing.
   *
   * @throws Error for a secret that is too short to be found without finding all else.
   */
  add(secrets: Iterable<Secret>): void {
    for (const secret of secrets) {
      const id = `${secret.kind} ${secret.value}`;
      if (this.#known.has(id)) continue;
      this.#known.add(id);
      for (const [form, text] of formsOf(secret)) {
        if (text.length < BLOCK) {
          if (form === "as it is") {
            throw new Error(`A ${secret.kind} of ${text.length} characters is too short`);
          }
          continue;
        }
        for (let at = 0; at + BLOCK <= text.length; at += BLOCK) {
          const block = text.slice(at, at + BLOCK);
          if (!this.#blocks.has(block)) this.#blocks.set(block, { secret, form });
        }
      }
    }
  }

  /**
   * Looks for every secret.
   *
   * @param text What is searched; bytes as one character each.
   * @param place Where it is from.
   * @param allowed The kinds that may be there.
   */
  find(text: string, place: string, allowed: ReadonlySet<SecretKind> = NONE): readonly Finding[] {
    const found = new Map<string, Finding>();
    for (let at = 0; at + BLOCK <= text.length; at++) {
      const block = this.#blocks.get(text.slice(at, at + BLOCK));
      if (block === undefined || allowed.has(block.secret.kind)) continue;
      const { form, secret: { kind, value } } = block;
      const finding = { kind, form, secret: `${value.slice(0, 6)}...`, place };
      found.set(`${kind} ${form} ${value}`, finding);
    }
    return [...found.values()];
  }
}

const NONE: ReadonlySet<SecretKind> = new Set();

/** Bytes as text with one character each, for {@linkcode SecretIndex.find}. */
export function bytesAsText(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/** All ways to write a secret. Of a JSON Web Token only the signature is secret: the rest is much the same in each. */
function formsOf({ value, bytes }: Secret): readonly (readonly [form: string, text: string])[] {
  const core = /^eyJ[\w-]+\.[\w-]+\.([\w-]+)$/.exec(value)?.[1] ?? value;
  const raw = new TextEncoder().encode(core);
  const forms: (readonly [string, string])[] = [["as it is", core], ...encodings(raw)];
  const percent = encodeURIComponent(core);
  if (percent !== core) forms.push(["percent-encoded", percent]);
  if (bytes !== undefined) forms.push(["as bytes", bytesAsText(bytes)], ...encodings(bytes));
  return forms;
}

function encodings(bytes: Uint8Array): (readonly [string, string])[] {
  const forms: (readonly [string, string])[] = [["hexadecimal", bytes.toHex()]];
  forms.push(["hexadecimal", bytes.toHex().toUpperCase()]);
  for (let shift = 0; shift < 3; shift++) {
    // What depends on the neighbours is left out: the first characters, and the last one.
    const padded = new Uint8Array(shift + bytes.length);
    padded.set(bytes, shift);
    for (const alphabet of ["base64", "base64url"] as const) {
      const text = padded.toBase64({ alphabet, omitPadding: true });
      const end = padded.length % 3 === 0 ? text.length : text.length - 1;
      forms.push(["base64", text.slice(shift === 0 ? 0 : shift + 1, end)]);
    }
  }
  return forms;
}
