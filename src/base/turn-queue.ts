/**
 * The queue of what has had its share of one turn of the event loop: it goes on in a later turn, behind everything that
 * asked before. One a thread. Between two turns every socket that is ready is read, so the wait of the others is bounded
 * by a count, however much a few have to do.
 */

/** How many of those that wait go on in one turn. */
export const maxTasksPerTurn = 8;

/** Something that goes on in a later turn. It does not throw. */
export interface TurnTask {
  runInTurn(): void;
}

/** The queue of a thread: first in, first out. */
export class TurnQueue {
  #waiting: TurnTask[] = [];
  #isPlanned = false;

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Runs `task` in a later turn. The caller sees to it that it waits only once. */
  add(task: TurnTask): void {
    this.#waiting.push(task);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return;
    this.#isPlanned = true;
    // An immediate that is asked for by an immediate comes in the next turn: the sockets are looked at in between.
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const due = this.#waiting.splice(0, maxTasksPerTurn);
    this.#isPlanned = false;
    this.#plan();
    for (let i = 0; i < due.length; i++) due[i]!.runInTurn();
  };
}
