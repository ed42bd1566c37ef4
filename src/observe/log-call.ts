/**
 * Counts the calls of the system that log writers have made and that have not come back. Each holds one of the four
 * threads of Node.js's pool, which names, files and the configuration need, too, and `process.exit` waits for it, for
 * ever if a disk hangs.
 */

/** What the system has not done after so long hangs. */
export const hangMs = 3_000;

/** So many calls may hang, of all logs together: then one thread of the pool is still free. */
const maxHanging = 3;

let underWay = 0;
let hanging = 0;

/** Does the system have a call of a log writer that has not come back? `process.exit` waits for it. */
export function hasLogCallUnderWay(): boolean {
  return underWay > 0;
}

/** Do so many calls hang that another one could take the last thread of the pool? */
export function isPoolShort(): boolean {
  return hanging >= maxHanging;
}

/** One call of the system, from its beginning to its return. */
export class LogCall {
  #isHanging = false;

  constructor() {
    underWay++;
  }

  /** It takes so long that it is taken for one that hangs. */
  noteHanging(): void {
    if (this.#isHanging) return;
    this.#isHanging = true;
    hanging++;
  }

  /** It has come back. Once. */
  end(): void {
    underWay--;
    if (this.#isHanging) hanging--;
  }
}
