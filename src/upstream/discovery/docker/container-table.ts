/**
 * What is known of the containers of an engine: lists and answers about one container are what they were when they were
 * asked for, events say what has happened since. An event about a container that is being asked about makes the answer
 * void, and it is asked about again. A container that a list no longer has is asked about before it is believed.
 */
import { type DockerContainer, fieldsOf, isContainerId, textOf } from "./container.ts";
import { endsContainer } from "./stop-signal.ts";

/** A container that was told to end and has not is taken for one that goes on, after this time. */
const maxStoppingMs = 600_000;

/** The containers that run. */
export class ContainerTable {
  readonly #containers = new Map<string, DockerContainer>();
  /** Those that were told to end, and when that no longer counts. */
  readonly #stopping = new Map<string, number>();
  /** The signals that containers were sent whose own signal is not known. */
  readonly #signals = new Map<string, string>();
  /** What must be asked about. */
  #unclear = new Set<string>();
  /** What has happened to since the last question. */
  readonly #touched = new Set<string>();

  /** All of them, the newest first: if two have one address, the newest has it. */
  get containers(): DockerContainer[] {
    return [...this.#containers.values()].toSorted((one, other) => other.createdMs - one.createdMs);
  }

  /** Is there a container that must be asked about? */
  get isUnclear(): boolean {
    return this.#unclear.size > 0;
  }

  /** Was it told to end? */
  isStopping(id: string, nowMs: number): boolean {
    const untilMs = this.#stopping.get(id);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#stopping.delete(id);
    return false;
  }

  /** A question is about to be asked: answers are void for what is touched from now on. */
  beginQuestion(): void {
    this.#touched.clear();
  }

  /** The ids that must be asked about; they count as asked. */
  takeUnclear(): string[] {
    const ids = [...this.#unclear];
    this.#unclear = new Set();
    return ids;
  }

  /** Must be asked about, although nothing has happened. */
  doubt(ids: Iterable<string>): void {
    for (const id of ids) this.#unclear.add(id);
  }

  /**
   * An event of the engine; one that is not understood is nothing.
   * @returns whether something is other than before, without a question
   */
  takeEvent(value: unknown, nowMs: number): boolean {
    const { Type: type, Action: action, Actor: actor } = fieldsOf(value);
    const { ID: ownId, Attributes: given } = fieldsOf(actor);
    const attributes = fieldsOf(given);
    const id = type === "network" ? attributes["container"] : type === "container" ? ownId : null;
    if (!isContainerId(id)) return false;
    this.#touched.add(id);
    if (action === "die" || action === "destroy") return this.#remove(id);
    if (type === "container" && action === "kill") return this.#takeSignal(id, textOf(attributes["signal"]), nowMs);
    if (action === "start") this.#forgetSignals(id);
    this.#unclear.add(id);
    return false;
  }

  /** What a list has; what it lacks is asked about. */
  takeList(list: readonly DockerContainer[]): void {
    const listed = new Set(list.map(({ id }) => id));
    for (const id of this.#containers.keys()) if (!listed.has(id)) this.#unclear.add(id);
    for (const container of list)
      if (this.#touched.has(container.id)) this.#unclear.add(container.id);
      else this.#set({ ...container, stopSignal: this.#containers.get(container.id)?.stopSignal ?? null });
  }

  /** What was answered about one; null if it is not there. */
  takeAnswer(id: string, container: DockerContainer | null): void {
    if (this.#touched.has(id)) this.#unclear.add(id);
    else if (container === null) this.#remove(id);
    else this.#set(container);
  }

  /** Settles signals whose meaning depends on the container, once it is known. */
  settleSignals(nowMs: number): void {
    for (const [id, signal] of this.#signals) {
      const isEnd = endsContainer(signal, this.#containers.get(id)?.stopSignal ?? null);
      if (isEnd === null && this.#unclear.has(id)) continue;
      this.#signals.delete(id);
      if (isEnd === true) this.#stopping.set(id, nowMs + maxStoppingMs);
    }
  }

  /** Those that are in networks and have an address in none: it comes a moment later. */
  withoutAddress(): string[] {
    return [...this.#containers.values()]
      .filter(
        ({ networks, networkMode }) =>
          networks.length > 0 &&
          !/^(?:host|none|container:.*)$/.test(networkMode) &&
          networks.every(({ address }) => address === ""),
      )
      .map(({ id }) => id);
  }

  #set(container: DockerContainer): void {
    if (container.isRunning) this.#containers.set(container.id, container);
    else this.#remove(container.id);
  }

  #remove(id: string): boolean {
    this.#unclear.delete(id);
    this.#forgetSignals(id);
    return this.#containers.delete(id);
  }

  #takeSignal(id: string, signal: string, nowMs: number): boolean {
    const isEnd = endsContainer(signal, this.#containers.get(id)?.stopSignal ?? null);
    if (isEnd === true) this.#stopping.set(id, nowMs + maxStoppingMs);
    if (isEnd !== null) return isEnd;
    this.#signals.set(id, signal);
    this.#unclear.add(id);
    return false;
  }

  #forgetSignals(id: string): void {
    this.#stopping.delete(id);
    this.#signals.delete(id);
  }
}
