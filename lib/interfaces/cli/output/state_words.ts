/**
 * The states of an entry in the words that `list` and `status` share.
 *
 * @module
 */
import type { EntryState } from "../../composition/entry_state.ts";

/** The states for a person. */
export const STATE_WORDS: Readonly<Record<EntryState, string>> = {
  "no-sign-in-needed": "no sign-in needed",
  "not-signed-in": "not signed in",
  "signed-in": "signed in",
  "token-given": "token given by hand",
  expired: "expired",
  "refresh-failed": "refresh failed",
};
