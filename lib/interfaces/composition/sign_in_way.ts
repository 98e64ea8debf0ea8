/**
 * By which way a person signs in, where they have not said: through the browser where one that is started here is in
 * front of them, else by a device code where the server offers it, else by an address that they open and one that they
 * paste.
 *
 * @see behaviours row 14
 * @module
 */
import type { Surroundings } from "../../primitives/system/surroundings.ts";
import type { SignInManner } from "./services_options.ts";

/** A way to sign in: `browser` opens it here, `url` only tells the address, `auto` chooses by the surroundings. */
export type SignInWay = "auto" | "browser" | "url" | "device";

/**
 * What a way comes to.
 *
 * @param way The way.
 * @param surroundings Where the person sits; asked for where the way is `auto`.
 */
export async function mannerOf(
  way: SignInWay,
  surroundings: () => Promise<Pick<Surroundings, "opensBrowser">>,
): Promise<Pick<SignInManner, "openBrowser" | "device">> {
  switch (way) {
    case "browser":
      return { openBrowser: true, device: "never" };
    case "url":
      return { openBrowser: false, device: "never" };
    case "device":
      return { openBrowser: false, device: "always" };
    case "auto": {
      const { opensBrowser } = await surroundings();
      return { openBrowser: opensBrowser, device: opensBrowser ? "never" : "preferred" };
    }
  }
}
