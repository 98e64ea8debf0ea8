/**
 * Finds out whether host and server are of one era, by the first exchange of the host: `initialize` is that of a
 * stateful one, a request that names its revision that of a stateless one. It is passed on. Where it is accepted,
 * everything passes untouched from then on; a refusal is held back and looked into, and where the server turns out to be
 * of the other era, a translator is loaded and stands between the two. In doubt, the host gets the server's own first
 * refusal: what was found out on the way to it is never told in its place.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T9, T14, T20)
 * @module
 */
import { isJsonObject, type RequestMessage, type ResponseMessage } from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { isStateless } from "../../../primitives/mcp/revisions.ts";
import { Layer } from "../layer.ts";
import type { Wishes } from "./wishes.ts";
import type { Inbound, Outbound, Receiver, Remote, WayToServer } from "../transports/remote.ts";

/** Speaks one era to the host and the other to the server. It is a remote for the host, and hears from the server. */
export interface Translator extends Remote, Receiver {
  /**
   * Finds out whether the server is of the era that the translator speaks to it, and gets ready. Called once, before
   * anything is sent through the translator; what the server says meanwhile comes by `receive`. The host's exchange is
   * not answered by it: it is sent again, through the translator, when this has resolved.
   *
   * @param first The exchange of the host that the server has refused: `initialize`, or a request with its `_meta`.
   * @throws {McpAuthError} When the server is not of that era, or cannot be asked.
   */
  open(first: Outbound): Promise<void>;
  /** Ends what is under way, because the host starts over: the way to the server stays open. */
  leave(): void;
}

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
  /** Set where the server is a program of this machine, of which some end at a first message that they do not know (T20). */
  readonly isLocal?: boolean;
}

/** Which era a message of the host is of. */
export type Era = "stateful" | "stateless";

/** What the server said to an exchange in place of a result. */
export type Refusal = { readonly inbound: Inbound } | { readonly error: unknown };

/** An exchange of the host that went straight to the server while the era is not known. */
export interface Trial {
  readonly era: Era;
  /** The host's exchange. */
  readonly outbound: Outbound;
  /** What was sent of it: a refused one may be cut off without harm to the host's own. */
  readonly attempt: Outbound;
  /** Set when it was refused: nobody else has heard of it yet. */
  refusal: Refusal | undefined;
  /** Resolves when it was refused. */
  readonly refused: PromiseWithResolvers<void>;
}

/** Requests whose effect lasts as long as the session does. */
const LASTING: ReadonlySet<string> = new Set([
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

/** The layer. */
export class EraLayer extends Layer {
  readonly #options: EraOptions;
  /** The era of the host, from when it is known how to speak to the server. */
  #decided: Era | undefined;
  /** What stands between the two; undefined where both are of one era. */
  #translator: Translator | undefined;
  /** A translator that is finding out whether it is the right one. */
  #candidate: Translator | undefined;
  #looking: Promise<void> | undefined;
  /** What a host of the server's era wants of its session. */
  #wishes: Wishes | undefined;
  /** The trials under way, by what was sent of them. */
  readonly #trials = new Map<Outbound, Trial>();

  /** @inheritdoc */
  constructor(host: Receiver, rest: WayToServer, options: EraOptions) {
    super(host, rest);
    this.#options = options;
  }

  /** @inheritdoc */
  override send(outbound: Outbound): Promise<void> {
    // A host of both eras may try the other one later: by `initialize` it starts over.
    const again = outbound.opens === "initialize" &&
      (this.#translator === undefined || this.#decided === "stateless");
    if (this.#decided !== undefined && !again) {
      const [message] = outbound.messages;
      if (message?.kind === "request" && LASTING.has(message.method) && this.#translator === undefined) {
        return this.#sendLasting(outbound, message);
      }
      return this.#way.send(outbound);
    }
    if (again) this.#startOver();
    const era = eraOf(outbound);
    return era === undefined ? this.server.send(outbound) : this.#try(outbound, era);
  }

  /** @inheritdoc */
  override cancel(target: Outbound, notice: Outbound): Promise<void> {
    if (this.#trials.size > 0) {
      for (const { outbound, attempt } of this.#trials.values()) {
        if (outbound === target) return this.server.cancel(attempt, notice);
      }
    }
    return this.#way.cancel(target, notice);
  }

  /** @inheritdoc */
  override listen(): void {
    this.#way.listen();
  }

  /** @inheritdoc */
  override renewed(): void {
    if (this.#translator !== undefined) this.#translator.renewed?.();
    else this.#wishes?.renewed();
  }

  /** @inheritdoc */
  override close(timeoutMs: number): Promise<void> {
    this.#wishes?.close();
    return (this.#translator ?? this.#candidate ?? this.server).close(timeoutMs);
  }

  /** @inheritdoc */
  override receive(inbound: Inbound): Promise<void> | void {
    const trial = this.#trials.size === 0 ? undefined : this.#trialOf(inbound);
    if (trial !== undefined) return this.#hear(trial, inbound);
    const known = this.#wishes?.receive(inbound) ?? false;
    if (known !== false) return known === true ? undefined : known;
    return (this.#translator ?? this.#candidate ?? this.host).receive(inbound);
  }

  /** @inheritdoc */
  override owes(outbound: Outbound): boolean {
    const trial = this.#trials.size === 0 ? undefined : this.#trials.get(outbound);
    if (trial !== undefined) return trial.refusal === undefined && this.host.owes(trial.outbound);
    const known = this.#wishes?.owes(outbound);
    if (known !== undefined) return known;
    return (this.#translator ?? this.#candidate ?? this.host).owes(outbound);
  }

  get #way(): Remote {
    return this.#translator ?? this.server;
  }

  /** The host begins anew: nothing of what it has said or asked before is left. */
  #startOver(): void {
    this.#translator?.leave();
    this.#wishes?.close();
    this.#decided = this.#translator = this.#wishes = undefined;
  }

  /** Sends what a session that is opened again has to be told again. */
  async #sendLasting(outbound: Outbound, message: RequestMessage): Promise<void> {
    // At once: nothing that comes after it is to overtake it.
    const sent = this.server.send(outbound);
    sent.catch(() => {});
    const { Wishes } = await import("./wishes.ts");
    this.#wishes ??= new Wishes(this.server, this.#options.log);
    this.#wishes.note(message);
    await sent;
  }

  async #try(outbound: Outbound, era: Era): Promise<void> {
    const controller = new AbortController();
    const abort = () => controller.abort(outbound.controller.signal.reason);
    outbound.controller.signal.addEventListener("abort", abort, { once: true });
    const refused = Promise.withResolvers<void>();
    const attempt = { ...outbound, controller };
    const trial: Trial = { era, outbound, attempt, refusal: undefined, refused };
    this.#trials.set(trial.attempt, trial);
    let refusal: Refusal | undefined;
    try {
      refusal = await this.#refusalOf(trial);
      if (refusal === undefined) return;
      if (!await this.#decidedOtherwise(trial, refusal)) {
        if ("error" in refusal) throw refusal.error;
        return await this.host.receive(await this.#asTold(refusal.inbound));
      }
    } finally {
      this.#trials.delete(trial.attempt);
      outbound.controller.signal.removeEventListener("abort", abort);
    }
    if (this.host.owes(outbound)) await this.#way.send(outbound);
  }

  /** Sends an exchange straight to the server; undefined when it was accepted. */
  async #refusalOf(trial: Trial): Promise<Refusal | undefined> {
    const sent = this.server.send(trial.attempt);
    // What a server leaves open after it has refused holds nobody up.
    sent.catch(() => {});
    try {
      await Promise.race([sent, trial.refused.promise]);
    } catch (error) {
      if (!this.host.owes(trial.outbound)) throw error;
      trial.refusal ??= { error };
    }
    return trial.refusal;
  }

  /** Takes what came in reply to a trial: a refusal is kept until it is judged. */
  #hear(trial: Trial, inbound: Inbound): Promise<void> | void {
    const told = { ...inbound, origin: trial.outbound };
    const [message] = inbound.messages;
    if (inbound.batch || message?.kind !== "response") return this.host.receive(told);
    const undecided = this.#decided === undefined || this.#translator !== undefined;
    if (undecided && isRefusal(message, trial)) {
      trial.refusal = { inbound: told };
      trial.refused.resolve();
      return;
    }
    this.#decided ??= trial.era;
    return this.host.receive(told);
  }

  #trialOf({ origin, messages, batch }: Inbound): Trial | undefined {
    if (origin !== undefined) return this.#trials.get(origin);
    const [message] = messages;
    if (batch || message?.kind !== "response") return undefined;
    for (const trial of this.#trials.values()) if (trial.outbound.requests[0] === message.id) return trial;
    return undefined;
  }

  /** Judges a refusal; true when the exchange is to be sent again, through the translator. */
  async #decidedOtherwise(trial: Trial, refusal: Refusal): Promise<boolean> {
    const { evidenceIn, isRepeatable } = await import("./evidence.ts");
    const evidence = evidenceIn(trial, refusal, this.#options.isLocal);
    if (evidence === "none") return false;
    if (evidence === "same") {
      this.#decided ??= trial.era;
      return false;
    }
    if (this.#decided === undefined) {
      await (this.#looking ??= this.#look(trial).finally(() => this.#looking = undefined));
    }
    return this.#translator !== undefined && isRepeatable(trial, refusal);
  }

  /** What has been carried out by a server of the other era is told as the host's own era has it. */
  async #asTold(inbound: Inbound): Promise<Inbound> {
    if (this.#translator === undefined || this.#decided !== "stateless") return inbound;
    return (await import("./evidence.ts")).asComplete(inbound);
  }

  /** Finds out whether the server is of the other era, and decides. */
  async #look(trial: Trial): Promise<void> {
    const { host, server } = this;
    const { openTranslator } = await import("./opening.ts");
    const options = { host, server, log: this.#options.log };
    try {
      const { decided, translator } = await openTranslator(trial, options, (candidate) => {
        this.#candidate = candidate;
      });
      // Another exchange may have been accepted meanwhile: then both are of one era after all.
      if (this.#decided !== undefined || !decided) return;
      this.#decided = trial.era;
      this.#translator = translator;
    } finally {
      this.#candidate = undefined;
    }
  }
}

function eraOf({ opens, messages, batch, requests }: Outbound): Era | undefined {
  if (opens === "initialize") return "stateful";
  return !batch && requests.length === 1 && isOfStatelessRevision(messages[0]) ? "stateless" : undefined;
}

/**
 * An error; or a result of the other era: a session of a revision that has none, what is said of the stateless revisions
 * by who speaks none, and what does not say of itself that it is complete (T11).
 */
function isRefusal({ value }: ResponseMessage, { era, outbound }: Trial): boolean {
  if ("error" in value) return true;
  const result = isJsonObject(value["result"]) ? value["result"] : {};
  if (era === "stateful") return isStateless(result["protocolVersion"]);
  const [message] = outbound.messages;
  if (message?.kind !== "request" || message.method !== "server/discover") return !("resultType" in result);
  const supported = result["supportedVersions"];
  return !Array.isArray(supported) || !supported.some(isStateless);
}
