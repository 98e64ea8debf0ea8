/**
 * Asks a person whether something is to be done.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";

/**
 * Asks for a yes.
 *
 * @param question What is asked.
 * @throws {McpAuthError} `AUTH_CANCELLED` for a no, and for Ctrl-C.
 */
export async function askAgreement(question: string): Promise<void> {
  const { confirm, isCancel } = await import("@clack/prompts");
  const output = (await import("../../../primitives/system/error_stream.ts")).errorStream();
  const answer = await confirm({ message: question, initialValue: true, output });
  if (!isCancel(answer) && answer) return;
  throw new McpAuthError("AUTH_CANCELLED", "Cancelled: nothing was changed");
}
