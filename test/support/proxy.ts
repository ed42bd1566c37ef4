/** The same under its old name. */
export * from "./proxy-under-test.ts";
