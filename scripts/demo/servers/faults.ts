/**
 * Faults a test can order from a demo server: the next few requests to a path are answered wrongly, late or not at
 * all, and then the server is itself again. Faults are counted, not switched, so that a test cannot leave one on.
 *
 * @module
 */

import { matches, type Recorded } from "./recorded.ts";

/**
 * What happens in place of the answer:
 *
 * - a function: its `Response` is the answer, and the server does nothing;
 * - `"hang"`: no answer until the client gives up or the server closes;
 * - `"reset"`: the connection is closed without an answer, and the server does nothing;
 * - `"lose-answer"`: the server does the work, and then the connection is closed instead of answered;
 * - `{ delayMs }`: the server does the work, and answers that many milliseconds later;
 * - `{ until }`: the server does the work, and answers once that has settled.
 */
export type Fault =
  | ((request: Recorded) => Response | Promise<Response>)
  | "hang"
  | "reset"
  | "lose-answer"
  | { readonly delayMs: number }
  | { readonly until: (request: Recorded) => Promise<unknown> };

/** A fault that was ordered. */
export interface OrderedFault {
  /** How many more requests it will meet. */
  readonly left: number;
  /** Ends the fault, whatever is left of it. */
  end(): void;
}

/** The faults ordered from one server, first ordered first served. */
export class FaultPlan {
  readonly #orders: { target: string; left: number; fault: Fault }[] = [];

  /**
   * Orders a fault.
   *
   * @param target a path (`"/token"`) or a method and a path (`"POST /mcp"`)
   * @param times how many requests it meets; `Infinity` for all of them
   * @param fault what they meet
   * @returns the order, to look at or to end early
   */
  order(target: string, times: number, fault: Fault): OrderedFault {
    const order = { target, left: times, fault };
    this.#orders.push(order);
    return {
      get left() {
        return order.left;
      },
      end() {
        order.left = 0;
      },
    };
  }

  /**
   * Takes the fault for one request and counts it.
   *
   * @param request the request that arrived
   * @returns the fault it meets, or `undefined`
   */
  take(request: Recorded): Fault | undefined {
    const order = this.#orders.find((each) => each.left > 0 && matches(request, each.target));
    if (order === undefined) return undefined;
    order.left -= 1;
    return order.fault;
  }
}

/**
 * A JSON answer for `fail`.
 *
 * @param status the HTTP status
 * @param body the value to send
 * @param headers more headers, for example `retry-after`
 * @returns a fault that gives this answer each time
 */
export function jsonFault(status: number, body: unknown, headers: HeadersInit = {}): Fault {
  return () => Response.json(body, { status, headers });
}

/**
 * An HTML answer for `fail`: what a captive portal, a CDN or a crashed proxy sends.
 *
 * @param status the HTTP status
 * @param html the page
 * @returns a fault that gives this answer each time
 */
export function htmlFault(status: number, html = "<!doctype html><title>Oops</title><h1>Oops</h1>"): Fault {
  return () => new Response(html, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}
