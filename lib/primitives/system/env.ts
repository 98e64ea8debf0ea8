/**
 * The environment port. A variable that is unset, set to nothing or not granted by the sandbox reads the same, so that
 * the program runs under the fewest permissions and each reader has one case to handle.
 *
 * @module
 */

/** Reads environment variables. */
export interface Env {
  /** The variable's value; undefined when it is unset, empty, or not granted. */
  get(name: string): string | undefined;
}

/** The environment of this process. */
export const systemEnv: Env = {
  get(name) {
    try {
      return Deno.env.get(name) || undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return undefined;
      throw error;
    }
  },
};
