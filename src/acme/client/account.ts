/** The account with an ACME server (RFC 8555, section 7.3): made once, found again by its key. */
import { AcmeError } from "./acme-error.ts";
import type { AcmeSession } from "./acme-session.ts";
import { readUrl } from "./directory.ts";

/** What an account is asked for with. */
export interface AccountRequest {
  /** Where the CA writes to; null: no address is given. */
  readonly email: string | null;
  /** External account binding; null if the CA asks for none. */
  readonly binding: { readonly keyId: string; readonly hmacKey: string } | null;
}

/**
 * Makes the account, or finds that of the key: a server answers both in the same way. From now on `session` signs with it.
 * @returns the account's URL
 */
export async function openAccount(session: AcmeSession, { email, binding }: AccountRequest): Promise<string> {
  const directory = await session.directory();
  if (directory.requiresBinding && binding === null)
    throw new AcmeError({
      type: "externalAccountRequired",
      detail: `${session.directoryUrl} wants an account that is bound to one you have there already: set \`eab\``,
    });
  const { headers } = await session.postWithKey(directory.newAccount, {
    termsOfServiceAgreed: true,
    ...(email === null ? {} : { contact: [`mailto:${email}`] }),
    ...(binding === null ? {} : { externalAccountBinding: await session.key.bind(binding, directory.newAccount) }),
  });
  const url = readUrl(headers.location);
  if (url === null) throw new AcmeError({ type: "malformed", detail: "a new account without its URL" });
  session.accountUrl = url;
  return url;
}
