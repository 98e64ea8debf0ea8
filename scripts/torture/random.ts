/**
 * Where all choices of a run come from: a generator that a seed determines. Each round takes a branch of its own, named
 * after scenario and round, so that one round alone makes the same choices as in the whole run.
 *
 * @module
 */

/** Numbers that look random and follow from a seed (splitmix32). */
export class Random {
  #state: number;
  readonly #name: string;

  /** @param name The seed, with the names of the branches. */
  constructor(name: string) {
    this.#name = name;
    this.#state = hash(name);
  }

  /** A generator that does not depend on how many numbers this one has given. */
  branch(name: string | number): Random {
    return new Random(`${this.#name}/${name}`);
  }

  /** From 0 up to, and without, 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  }

  /** From `min` up to, and without, `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** Whether something happens that does so in this share of cases. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!;
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
