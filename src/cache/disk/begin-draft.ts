/** Begins a draft: room on the disk, and a place in the table that other threads see. */
import { DiskDraft, type DraftParts } from "./disk-draft.ts";
import { DraftRoom } from "./draft-room.ts";
import { answerBytesOf, fileBytesOf, slotBytesFor } from "./object-file.ts";

/** @returns null if there is no room for it */
export function beginDraft(parts: DraftParts): DiskDraft | null {
  const { host, key, answer, low, high } = parts;
  const answerBytes = answerBytesOf(answer);
  const slotBytes = slotBytesFor(key, answerBytes);
  if (slotBytes === 0) return null;
  const room = new DraftRoom(host.index);
  const length = answer.bodyBytes === null ? "unknown" : "known";
  const hasRoom = room.begin(fileBytesOf(slotBytes, answer.bodyBytes ?? 0), length);
  const { life } = host.index;
  const id = hasRoom ? host.drafts.create({ low, high, life, key, answerBytes, slotBytes }) : 0;
  if (id === 0) {
    room.give();
    for (const victim of room.victims) host.unlink(host.layout.object(victim.low, victim.high));
    return null;
  }
  const draft = new DiskDraft(parts, { id, slotBytes, room });
  draft.begin();
  return draft;
}
