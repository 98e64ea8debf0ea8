/**
 * `mcp-auth provider list`: the action.
 *
 * @module
 */
import { safeText } from "../../../../../primitives/untrusted_text.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { table } from "../../../output/table.ts";
import { providerJson, sidesOf } from "../view.ts";

/** Lists all providers. */
export const action: Action<CommonFlags, []> = async (context, flags) => {
  const templates = await (await context.services(flags).providers()).all();
  context.print(
    flags,
    templates.map(providerJson),
    table([
      ["NAME", "TITLE", "FOR", "CHECKED"],
      ...templates.map((template) => [
        template.name,
        safeText(template.title, 40),
        sidesOf(template),
        template.source?.checked ?? "your own",
      ]),
    ]),
  );
};
