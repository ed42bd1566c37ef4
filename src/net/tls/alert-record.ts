/** Alerts before there is any key (RFC 8446 section 6). */

/** The record of a fatal alert, as latin1. @param description see `Alert` */
export function alertRecord(description: number): string {
  return String.fromCharCode(21, 3, 3, 0, 2, 2, description);
}
