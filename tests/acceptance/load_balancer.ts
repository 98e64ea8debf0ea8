/**
 * A load balancer in front of several machines: a client without its cookie goes to the next machine in turn, and one with
 * it to the machine that the cookie names. It can cut all that passes through it, as idle streams are.
 *
 * @see behaviours row 37
 * @module
 */
import { type HttpFront, sendResponse, startHttpFront } from "../../scripts/demo/servers/http_front.ts";

/** One that runs. */
export interface LoadBalancer extends HttpFront {
  /** Which machine each request went to, in order. */
  readonly places: number[];
  /** Cuts every connection that is open. */
  cut(): void;
}

/**
 * Starts one.
 *
 * @param machines the origins of the machines
 */
export async function startLoadBalancer(machines: readonly string[]): Promise<LoadBalancer> {
  const places: number[] = [];
  const open = new Set<() => void>();
  let next = 0;
  const front = await startHttpFront(async ({ request, response, recorded, body, signal }) => {
    const { method, headers } = recorded;
    const named = /(?:^|; )lb=m(\d)(?:;|$)/.exec(headers.get("cookie") ?? "")?.[1];
    const place = named === undefined ? next++ % machines.length : Number(named);
    places.push(place);
    const forwarded = new Headers(headers);
    for (const name of ["host", "connection", "content-length", "cookie"]) forwarded.delete(name);
    const cut = () => response.destroy();
    open.add(cut);
    response.once("close", () => open.delete(cut));
    const answer = await fetch(machines[place] + (request.url ?? "/"), {
      method,
      headers: forwarded,
      signal,
      redirect: "manual",
      ...(method === "GET" ? {} : { body }),
    });
    const told = new Headers(answer.headers);
    told.delete("content-length");
    if (named === undefined) told.append("set-cookie", `lb=m${place}; Path=/; HttpOnly`);
    await sendResponse(response, new Response(answer.body, { status: answer.status, headers: told }), signal);
  });
  return Object.assign(front, {
    places,
    cut: () => {
      for (const each of open) each();
    },
  });
}
