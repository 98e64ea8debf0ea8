/**
 * What `keystore use` and `keystore rekey` say about a change: the result, and what has to be done outside the store
 * from now on, without which it would not open.
 *
 * @module
 */
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { KeystoreChanged, KeystoreKind } from "../../../../services/credentials/mod.ts";
import type { CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";

/** A change as `--json` prints it. */
export function changeJson({ from, to, changed, generation, leftIn }: KeystoreChanged) {
  return { keystore: to, old_keystore: from, changed, generation, left_in: leftIn };
}

/** Says on standard error what follows from a change. */
export function advise(context: CliContext, flags: CommonFlags, change: KeystoreChanged): void {
  const { from, to, changed, leftIn } = change;
  const lines = [
    ...(changed ? from === to ? renewedAdvice(context, to) : movedAdvice(context, from, to) : []),
    ...askedAdvice(context, flags, to),
  ];
  if (leftIn.length > 0) {
    const kinds = safeText(leftIn.join(", "));
    lines.push(
      `Warning: an old key could not be removed from: ${kinds}. The next keystore use or rekey tries again`,
    );
  }
  for (const line of lines) context.say(line);
}

function movedAdvice({ env }: CliContext, from: KeystoreKind, to: KeystoreKind): readonly string[] {
  const lines: string[] = [];
  if (to === "env") lines.push("From now on MCP_AUTH_KEY has to hold this key wherever the store is used");
  if (to === "passphrase") {
    lines.push("From now on the passphrase is asked for, or taken from MCP_AUTH_PASSPHRASE");
  }
  if (to === "file" && (from === "keychain" || from === "passphrase")) {
    lines.push(
      `Warning: the keystore "file" is weaker than "${from}": whoever can read the folder of the store can open it`,
    );
  }
  const old = { env: "MCP_AUTH_KEY", passphrase: "MCP_AUTH_PASSPHRASE" }[from as string];
  if (old !== undefined && env.get(old) !== undefined) {
    lines.push(`${old} is not needed for this store any more`);
  }
  return lines;
}

function renewedAdvice({ env }: CliContext, kind: KeystoreKind): readonly string[] {
  if (kind === "env") return ["From now on set MCP_AUTH_KEY to the value of MCP_AUTH_NEW_KEY"];
  if (kind !== "passphrase") return [];
  return env.get("MCP_AUTH_NEW_PASSPHRASE") === undefined
    ? ["From now on the new passphrase opens the store"]
    : ["From now on set MCP_AUTH_PASSPHRASE to the value of MCP_AUTH_NEW_PASSPHRASE"];
}

/** Whoever asks for the old keystore is refused from now on: a store takes no other keystore than its own. */
function askedAdvice({ env }: CliContext, flags: CommonFlags, to: KeystoreKind): readonly string[] {
  const variable = env.get("MCP_AUTH_KEYSTORE");
  const lines: string[] = [];
  if (flags.keystore !== undefined && flags.keystore !== to) {
    lines.push(`Warning: "--keystore ${flags.keystore}" is refused from now on: leave it out`);
  }
  if (variable !== undefined && variable !== to) {
    lines.push(
      `Warning: MCP_AUTH_KEYSTORE is "${
        safeText(variable)
      }", with which the store is refused: set it to "${to}", or to nothing`,
    );
  }
  return lines;
}
