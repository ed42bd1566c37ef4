/**
 * A configuration program as plain data: everything that it takes to run it again in another thread, which gives the
 * same whatever has become of the files since. Packages are not part of it; they are loaded from where they are.
 */

/** A source file of the user. */
export interface ScriptSource {
  /** Node's name for what it is: `module`, `module-typescript`, `json`, … */
  readonly format: string;
  readonly text: string;
}

/** A program with what it imports. */
export interface ScriptModule {
  /** The program: an absolute path. */
  readonly file: string;
  /** The URL under which it was loaded, after symbolic links. */
  readonly url: string;
  /** Tells its contents from others; part of every reference to one of its functions. */
  readonly version: string;
  /** The files of the user that it is made of, the program included, by URL. */
  readonly sources: Readonly<Record<string, ScriptSource>>;
  /** Where its configuration had functions. */
  readonly functionPaths: readonly (readonly (string | number)[])[];
}
