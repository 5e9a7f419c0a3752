import { FloxideError } from "../core/errors.ts";

/** Thrown where the consumer does not exist (any more). */
export class ConsumerGone extends Error {
  override readonly name = "ConsumerGone";
}

/** What a status that ends a request says; undefined where it is to be made again. @param api - what was asked */
export function statusError(api: string, code: number, description: string): Error | undefined {
  if (code === 503 || description === "consumer deleted") return new ConsumerGone(api);
  if (description === "leadership change") return;
  return new FloxideError("backend", `the work queue ends the request: ${code} ${description}`, {
    details: { code },
  });
}
