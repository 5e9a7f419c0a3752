import { relative } from "node:path";

/** A value of the server's configuration. */
type SettingValue =
  | string
  | number
  | boolean
  | readonly SettingValue[]
  | { readonly [name: string]: SettingValue };

/**
 * Settings in the server's own spelling, for example
 * `{ max_payload: 8388608, jetstream: { sync_interval: "always" } }`. Sizes at the top level are
 * numbers of bytes.
 */
export type ServerSettings = Readonly<Record<string, SettingValue>>;

/**
 * Writes the file that a server is started with: the user's file, then what replaces its lines. The
 * server takes the last of two lines of one name. It does not merge blocks: a `jetstream` block in
 * the settings takes the place of the file's whole block.
 *
 * The store directory goes here and not on the command line, because the server refuses `-sd`
 * together with a file that names a directory too.
 *
 * @param directory where the written file will lie: the server reads includes relative to it.
 */
export function renderConfig(parts: {
  readonly directory: string;
  readonly configFile: string | null;
  readonly storeDir: string;
  readonly settings: ServerSettings;
}): string {
  const { directory, configFile, storeDir, settings } = parts;
  const lines = Object.entries({ ...settings, store_dir: storeDir }).map(
    // The server's language reads JSON.
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  if (configFile !== null) {
    lines.unshift(`include ${JSON.stringify(relative(directory, configFile))}`);
  }
  return `${lines.join("\n")}\n`;
}
