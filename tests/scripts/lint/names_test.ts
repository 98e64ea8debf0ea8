import { testRule } from "./linting.ts";

const SOURCE = "export const a = 1;";
const CASE = /is not snake_case/;
const DRAWER = /is a drawer, not a noun/;

testRule("names", [
  ["lib/mod.ts", SOURCE, null],
  ["lib/primitives/untrusted_text.ts", SOURCE, null],
  ["lib/primitives/oauth/rfc7636.ts", SOURCE, null],
  ["lib/interfaces/http/pages/callback_page.tsx", SOURCE, null],
  ["lib/primitives/common_prefix.ts", SOURCE, DRAWER],
  ["lib/primitives/utils.ts", SOURCE, DRAWER],
  ["lib/primitives/http/helpers.ts", SOURCE, DRAWER],
  ["lib/services/tokens/token_manager.ts", SOURCE, DRAWER],
  ["lib/services/common/retry.ts", SOURCE, DRAWER],
  ["lib/services/utils/retry.ts", SOURCE, DRAWER],
  ["lib/services/tokens/managers.ts", SOURCE, DRAWER],
  ["lib/services/tokens/manage.ts", SOURCE, null],
  ["lib/services/tokens/tokenStore.ts", SOURCE, CASE],
  ["lib/services/tokens/token-store.ts", SOURCE, CASE],
  ["lib/services/tokens/Token.ts", SOURCE, CASE],
  ["lib/services/tokens/_private.ts", SOURCE, CASE],
  ["lib/services/tokens/token__store.ts", SOURCE, CASE],
  ["lib/services/tokens/token.store.ts", SOURCE, CASE],
  ["lib/services/rate-limit/bucket.ts", SOURCE, CASE],
  ["scripts/lint/token-store.ts", SOURCE, null],
  ["tests/utils.ts", SOURCE, null],
]);
