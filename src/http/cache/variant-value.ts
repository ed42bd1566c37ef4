/** What of a field's value chooses between variants (RFC 9111 section 4.1): all of it, unless its syntax says less. */
import { listMembers, trimOws } from "../field-text.ts";

/**
 * The value that counts. Two values become one only if every server reads them alike: language tags and charsets are
 * the same in any case (RFC 5646 section 2.1.1), and white space around members and weights says nothing. The order of
 * languages stays: some servers go by it.
 * @param value all lines together; null = the field is absent
 */
export function variantValue(lowerName: string, value: string | null): string | null {
  if (value === null || (lowerName !== "accept-language" && lowerName !== "accept-charset")) return value;
  return listMembers(value).map(dense).join(",");
}

/** Without the white space that may stand around the semicolon of a weight. */
const dense = (member: string): string => (/[\t ]/.test(member) ? member.split(";").map(trimOws).join(";") : member);
