/**
 * `mcp-auth list`: the action.
 *
 * @module
 */
import { ACCOUNT_MAX_CHARS } from "../../../../primitives/limits.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { entryState } from "../../../composition/entry_state.ts";
import { STATE_WORDS } from "../../output/state_words.ts";
import { table } from "../../output/table.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

/** Lists all entries. */
export const action: Action<CommonFlags, []> = async (context, flags) => {
  const store = context.store(flags);
  const [servers, credentials] = [await store.servers(), await store.credentials()];
  const entries = servers.map(({ record: server }) => {
    const credential = credentials.find(({ record }) => record.name === server.name)?.record;
    return { server, credential, state: entryState(server, credential, context.clock) };
  });
  const json = entries.map(({ server, credential, state }) => ({
    name: server.name,
    url: server.url,
    transport: server.options.transport ?? "auto",
    state,
    account: credential?.account ?? null,
    expires_at: isoTime(credential?.expiresAt),
    can_refresh: credential !== undefined && isRenewable(credential),
  }));
  if (entries.length === 0 && !flags.json) {
    return context.say("No entries yet. Add one with: mcp-auth add <name> <url>");
  }
  const hasAccounts = entries.some(({ credential }) => credential?.account !== undefined);
  context.print(
    flags,
    json,
    table([
      ["NAME", "STATE", ...(hasAccounts ? ["ACCOUNT"] : []), "TOKEN EXPIRES", "URL"],
      ...entries.map(({ server, credential, state }) => [
        server.name,
        STATE_WORDS[state],
        ...(hasAccounts ? [safeText(credential?.account ?? "-", ACCOUNT_MAX_CHARS)] : []),
        credential?.expiresAt === undefined ? "-" : relativeTime(credential.expiresAt, context.clock.now()),
        safeUrl(server.url),
      ]),
    ]),
  );
};
