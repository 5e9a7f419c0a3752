import type { z } from "zod";
import { FloxideError } from "../core/errors.ts";

/**
 * The value as text, as a server would keep it.
 *
 * @throws FloxideError `payload_too_large` with both sizes
 */
export function write<T>(
  value: T,
  maxBytes: number,
  what: string,
  toText: (value: T) => string = JSON.stringify,
): string {
  const text = toText(value);
  checkSize(text, maxBytes, what);
  return text;
}

/** Refuses text that is larger than allowed. @throws FloxideError `payload_too_large` with both sizes */
export function checkSize(text: string, maxBytes: number, what: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return;
  throw new FloxideError(
    "payload_too_large",
    `${what} has ${bytes} bytes, ${maxBytes} are allowed`,
    {
      details: { bytes, limit: maxBytes },
    },
  );
}

/**
 * The value that the text stands for, sharing nothing with the one written.
 *
 * @throws FloxideError `validation` where it does not fit the schema
 */
export function read<T>(schema: Pick<z.ZodType<T>, "safeParse">, text: string, what: string): T {
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new FloxideError("validation", `${what} is not what it should be: ${said.join("; ")}`, {
    cause: parsed.error,
  });
}
