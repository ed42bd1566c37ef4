/**
 * Work put off to the end of the event-loop turn, once a thread: after the poll phase has delivered every readable
 * socket of this turn, everything written to one connection meanwhile leaves in one system call.
 */

/** Something that has work to do at the end of the turn. */
export interface EndOfTurnTask {
  runAtEndOfTurn(): void;
}

/** The queue of a thread. */
export class EndOfTurn {
  #tasks: EndOfTurnTask[] = [];
  #spare: EndOfTurnTask[] = [];

  /** Runs `task` after this turn's reads. The caller sees to it that a task is added once. */
  add(task: EndOfTurnTask): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = this.#spare;
    for (let i = 0; i < tasks.length; i++) tasks[i]!.runAtEndOfTurn();
    tasks.length = 0;
    this.#spare = tasks;
  };
}
