/** What of a field's value chooses between variants (RFC 9111 section 4.1): all of it, unless its syntax says less. */
import { listMembers, trimOws } from "../field-text.ts";

/** The fields of which several spellings are one value. */
export const respelledFields = ["accept-language", "accept-charset"] as const;

/**
 * The value that counts, in its usual spelling. Two values become one only if they say the same: language tags and
 * charsets are the same in any case (RFC 5646 section 2.1.1), and white space around members and weights says nothing.
 * The order of languages stays: some servers go by it.
 *
 * Servers there are that know `en` and not `EN`. So the usual spelling is also what goes to the endpoint, when an answer
 * is fetched for all who say the same: otherwise one client could choose what the others get.
 * @param value all lines together; null = the field is absent
 */
export function variantValue(lowerName: string, value: string | null): string | null {
  if (value === null) return null;
  if (lowerName === "accept-language") return listMembers(value).map(dense).map(usualTag).join(",");
  if (lowerName === "accept-charset") return listMembers(value).map(dense).join(",");
  return value;
}

/** Without the white space that may stand around the semicolon of a weight. */
const dense = (member: string): string => (/[\t ]/.test(member) ? member.split(";").map(trimOws).join(";") : member);

/**
 * The tag that `member`, in lower case, begins with, as RFC 5646 section 2.1.1 would have it written: regions in capitals,
 * scripts with one, `zh-Hant-TW`.
 */
function usualTag(member: string): string {
  if (!member.includes("-")) return member;
  const end = member.indexOf(";");
  const tag = end === -1 ? member : member.slice(0, end);
  let isExtended = false;
  const subtags = tag.split("-").map((subtag, index) => {
    if (index === 0 || isExtended) return subtag;
    // What follows a single letter is an extension.
    if (subtag.length === 1) isExtended = true;
    if (subtag.length === 2) return subtag.toUpperCase();
    return subtag.length === 4 ? subtag.charAt(0).toUpperCase() + subtag.slice(1) : subtag;
  });
  return subtags.join("-") + member.slice(tag.length);
}
