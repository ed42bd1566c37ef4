/**
 * Who is there, in no order: an array in which every member knows its place.
 *
 * Why not a `Set`: while members come and go, its table is made anew again and again, and each old table points to the
 * next one and still holds those who were in it. Once V8 has moved one of them to its old generation, everything behind
 * it survives each young collection until the next full one, although all of it is garbage. Measured with a connection
 * for each request: 15 MiB of 20 survived, and a tenth of all processor time went there.
 */

/** What can be in one roster at a time. */
export interface RosterMember {
  /** Where it is in the roster; -1 = in none. Owned by the roster. */
  place: number;
}

/** Those who are there. Entering and leaving take the same time however many they are. */
export class Roster<Member extends RosterMember> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** A copy: members may come and go while it is gone through. */
  get members(): readonly Member[] {
    return [...this.#members];
  }

  /** `member` must not be in another roster. One that is in this one already stays. */
  add(member: Member): void {
    if (member.place === -1) member.place = this.#members.push(member) - 1;
  }

  /** @returns whether it was there */
  remove(member: Member): boolean {
    const { place } = member;
    if (place === -1) return false;
    member.place = -1;
    const last = this.#members.pop()!;
    if (last === member) return true;
    this.#members[place] = last;
    last.place = place;
    return true;
  }
}
