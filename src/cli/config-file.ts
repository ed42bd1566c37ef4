/** Which configuration file a command means. */
import { defaultConfigFiles, findConfigFile } from "../config/config-file.ts";
import { CommandFailure } from "./failure.ts";

/**
 * The file that was `given` (it may not exist), or the one in the current folder.
 * @throws CommandFailure when there is none, or it is not a file.
 */
export async function resolveConfigFile(given: string | undefined): Promise<string> {
  if (given !== undefined && /^(?:etcd|consul):\/\//i.test(given))
    throw new CommandFailure(
      `A configuration in ${given.slice(0, given.indexOf(":"))} is not available in this version; name a file.`,
      2,
    );
  const file = given ?? (await findConfigFile());
  if (file !== null) return file;
  const names = `${defaultConfigFiles.slice(0, -1).join(", ")} or ${defaultConfigFiles.at(-1)}`;
  throw new CommandFailure(
    `There is no configuration in this folder: no ${names}.\nName the file, or look around first with \`millrace demo\`.`,
  );
}
