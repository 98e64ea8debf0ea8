/**
 * Finds out whether host and server are of one era, by the first exchange of the host. Where they are, everything passes
 * untouched; where they are not, a translator is loaded and stands between them from then on.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T9, T14, T20)
 * @module
 */
import { Layer } from "../layer.ts";
import type { Receiver, Remote, WayToServer } from "../transports/remote.ts";

/** Speaks one era to the host and the other to the server. It is a remote for the host, and hears from the server. */
export interface Translator extends Remote, Receiver {}

/** What a translator runs on. */
export interface TranslatorOptions {
  /** Who hears from it. */
  readonly host: Receiver;
  /** Leads to the server, and has the translator hear from it. */
  readonly server: Remote;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** What {@linkcode EraLayer} takes. */
export interface EraOptions {
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** The layer. */
export class EraLayer extends Layer {
  protected readonly options: EraOptions;

  /** @inheritdoc */
  constructor(host: Receiver, rest: WayToServer, options: EraOptions) {
    super(host, rest);
    this.options = options;
  }
}
