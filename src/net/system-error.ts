import { getSystemErrorName } from "node:util";

/** `ECONNRESET` and the like, as Node.js makes them. @param code negative, as handles return it */
export function systemError(code: number, syscall: string): NodeJS.ErrnoException {
  const name = getSystemErrorName(code);
  return Object.assign(new Error(`${syscall} ${name}`), { errno: code, code: name, syscall });
}
