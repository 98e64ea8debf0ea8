/**
 * `mcp-auth exec`: the action. While the command runs, no lock is held and the store is closed: it may run for days.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import type { Child, ChildOptions } from "../../../../primitives/system/child.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { bearer } from "../../../../services/tokens/mod.ts";
import type { Action, StoreFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { EXEC_FAILED } from "../../exit_code.ts";
import { reportError } from "../../output/report.ts";

/** The flags of the command. */
export type ExecFlags = StoreFlags & {
  readonly env?: string | undefined;
  readonly fd?: number | undefined;
  readonly header?: boolean | undefined;
};

/** The variable that holds the token, unless another is asked for. */
const VARIABLE = "MCP_ACCESS_TOKEN";

/** Runs a command with the token of an entry, and returns its exit code. */
export const action: Action<ExecFlags, string[]> = async (context, flags, ...words) => {
  try {
    return await (await start(context, flags, words)).exitCode;
  } catch (error) {
    const coded = asMcpAuthError(error, "SERVER_ERROR", "run the command");
    const code = reportError(context.terminal, coded, flags);
    return coded.code === "AUTH_CANCELLED" ? code : EXEC_FAILED;
  }
};

async function start(context: CliContext, flags: ExecFlags, words: readonly string[]): Promise<Child> {
  const [nameOrUrl, program, ...args] = words;
  if (nameOrUrl === undefined || program === undefined) {
    throw new McpAuthError("USAGE", "Cannot run a command: none is given", {
      hint: "Run: mcp-auth exec <name> -- <command>",
    });
  }
  checkFlags(flags);
  const { targetName } = await import("../../hand_token.ts");
  const name = await targetName(context, flags, nameOrUrl);
  const services = context.services(flags);
  const credential = await services.authority.current(name);
  const { authorization } = bearer(credential);
  await services.authority.settled();
  context[Symbol.dispose]();
  const { startChild } = await import("../../../../primitives/system/child.ts");
  const { isRestarted } = await import("../../../../primitives/system/restart.ts");
  const { given, how } = handover(flags, credential.accessToken, authorization);
  const child = await startChild([program, ...args], { ...given, watchParent: isRestarted() });
  services.audit.record({
    event: "token_given",
    name: credential.name,
    issuer: credential.issuer,
    outcome: "done",
    detail: `${how} of "${safeText(program.split(/[/\\]/).at(-1), 60)}"`,
    secrets: { access_token: credential.accessToken },
  });
  void services.audit.flush();
  return child;
}

/** What the command gets, and that in words. */
function handover(
  { env = VARIABLE, fd, header }: ExecFlags,
  token: string,
  authorization: string,
): { readonly given: ChildOptions; readonly how: string } {
  const text = header ? `Authorization: ${authorization}` : token;
  return fd === undefined
    ? { given: { variables: { [env]: text } }, how: `variable ${env}` }
    : { given: { descriptor: { number: fd, text: `${text}\n` } }, how: `descriptor ${fd}` };
}

function checkFlags({ env, fd }: ExecFlags): void {
  if (env !== undefined && fd !== undefined) {
    throw new McpAuthError("USAGE", "Cannot use --env with --fd: the token is given once", {
      hint: "Leave one of them out",
    });
  }
  if (env !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(env)) {
    throw new McpAuthError("USAGE", `Cannot use --env "${safeText(env, 60)}": it is no name of a variable`);
  }
}
