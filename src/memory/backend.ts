import type { Backend } from "../core/ports/backend.ts";
import type { MemoryOptions } from "./options.ts";
import { MemoryWorld } from "./world.ts";

/**
 * A backend on a world of its own, in this process. For several backends that see the same, open them on one
 * {@link MemoryWorld}.
 *
 * @throws FloxideError `definition` naming the option that does not fit
 */
export function openMemoryBackend(options: MemoryOptions = {}): Backend {
  return new MemoryWorld(options).open();
}
