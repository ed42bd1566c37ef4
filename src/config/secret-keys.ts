/** The keys of options that hold secrets. Generated from the schemas by scripts/generate-docs.ts. */

/** In alphabetical order. */
export const secretKeys: readonly string[] = ["hmacKey", "password", "secret", "token"];
