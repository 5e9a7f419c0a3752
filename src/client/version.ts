import { readFileSync } from "node:fs";
import { z } from "zod";

const PackageSchema = z.looseObject({ version: z.string() });

/** Version of this package; `0.0.0` where its `package.json` was not packed along, as in a bundle. */
export function packageVersion(): string {
  try {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    return PackageSchema.parse(JSON.parse(text)).version;
  } catch {
    return "0.0.0";
  }
}
