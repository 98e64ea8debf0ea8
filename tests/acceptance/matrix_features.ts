/**
 * What the servers of the matrix have to offer, the same whichever SDK they are built with: lists that take several
 * pages, and a tool for each thing that a bridge has to carry.
 *
 * @module
 */

/** What is done in one request: a page of this many. */
const PAGE = 4;

const NONE = { type: "object", properties: {} } as const;
const TEXT = { type: "object", properties: { text: { type: "string" } } } as const;

/** The tools. */
export const TOOLS: readonly Tool[] = [
  { name: "echo", description: "Returns the text it is given", inputSchema: TEXT },
  {
    name: "add",
    description: "Adds two numbers, as structured content",
    inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
    outputSchema: { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] },
  },
  { name: "fail", description: "Returns a tool error", inputSchema: TEXT },
  { name: "steps", description: "Reports progress four times", inputSchema: NONE },
  { name: "hang", description: "Never returns: until it is cancelled", inputSchema: NONE },
  { name: "ask", description: "Asks the user for a name", inputSchema: NONE },
  { name: "sample", description: "Asks the host's model", inputSchema: NONE },
  { name: "roots", description: "Asks the host for its roots", inputSchema: NONE },
  { name: "touch", description: "Says that a resource has changed", inputSchema: TEXT },
  { name: "log", description: "Logs the text it is given", inputSchema: TEXT },
  { name: "grow", description: "Says that the list of tools has changed", inputSchema: NONE },
];

/** A tool as it is listed. */
export interface Tool {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, { type: string }> };
  outputSchema?: { type: "object"; properties: Record<string, { type: string }>; required: string[] };
}

/** The resources. */
export const RESOURCES: readonly { uri: string; name: string }[] = [
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
]
  .map((name) => ({ uri: `demo://${name}`, name }));

/** The prompts. */
export const PROMPTS: readonly { name: string; arguments?: { name: string; required: boolean }[] }[] = [
  { name: "greet", arguments: [{ name: "name", required: true }] },
  { name: "second" },
  { name: "third" },
  { name: "fourth" },
  { name: "fifth" },
];

/** The names that the prompt's argument is completed from. */
export const NAMES: readonly string[] = ["Ann", "Anton", "Bert"];

/** The question of `ask`. */
export const QUESTION = {
  message: "Who are you?",
  requestedSchema: {
    type: "object" as const,
    properties: { name: { type: "string" as const } },
    required: ["name"],
  },
};

/** The question of `sample`. */
export const PROMPT = {
  messages: [{ role: "user" as const, content: { type: "text" as const, text: "Say something" } }],
  maxTokens: 16,
};

/** One page of a list, by the cursor of the request. */
export function page<T>(all: readonly T[], cursor: string | undefined): { items: T[]; nextCursor?: string } {
  const from = Number(cursor ?? 0);
  const to = from + PAGE;
  return { items: all.slice(from, to), ...(to < all.length ? { nextCursor: String(to) } : {}) };
}

/** A result with one text. */
export function say(text: string): { content: { type: "text"; text: string }[] } {
  return { content: [{ type: "text", text }] };
}

/** Waits; rejects when the call is cancelled. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** A server of the matrix, by HTTP. */
export interface FeatureServer {
  /** How often the handler of `hang` was begun. */
  readonly begun: number;
  /** How often its signal fired. */
  readonly aborted: number;
  /** Answers one request, whose body is `message`. */
  answer(request: Request, message: unknown): Promise<Response>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Counts how the handlers of `hang` fare. */
export class Hanging {
  begun = 0;
  aborted = 0;

  /** Waits for the signal. */
  async hang(signal: AbortSignal): Promise<never> {
    this.begun++;
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    this.aborted++;
    throw signal.reason;
  }
}
