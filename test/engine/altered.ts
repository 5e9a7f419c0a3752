import { FloxideError } from "../../src/core/errors.ts";
import type { Backend } from "../../src/core/ports/backend.ts";

/** The parts of a backend that may behave in another way. */
type Part = Exclude<keyof Backend, "namespace" | "maxValueBytes" | "close">;

/** Methods to put in the place of a backend's own, by part. They are given the part as it is. */
export type Alterations = {
  readonly [P in Part]?: (own: Backend[P]) => Partial<Backend[P]>;
};

/** The backend with some of its methods altered. */
export function altered(backend: Backend, alterations: Alterations): Backend {
  const parts = Object.entries(alterations).map(([name, alter]) => {
    const own = backend[name as Part];
    const others = (alter as (own: object) => object)(own);
    return [name, overlay(own, others)];
  });
  return { ...backend, ...Object.fromEntries(parts) };
}

/** What a backend says that cannot be reached. */
export const outOfReach = (): Promise<never> =>
  Promise.reject(new FloxideError("backend", "out of reach"));

function overlay(own: object, others: object): object {
  return new Proxy(own, {
    get(target, key) {
      if (key in others) return Reflect.get(others, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
