/**
 * The people who can sign in at the demo authorization server. They are in a file of their own, without imports,
 * so that the scripted browser can know their passwords and stay free of packages.
 *
 * @module
 */

/** The password of each person, by user name. */
export const DEMO_USERS: Readonly<Record<string, string>> = {
  alice: "wonderland",
  bob: "can-we-fix-it",
};
