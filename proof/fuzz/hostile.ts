import fc from "fast-check";

// Values that others may send, and ways to spoil one that is right. What is made is a function of the seed alone.

/** An object with this key as its own, also where the key is `__proto__`. */
function own(key: string, value: unknown): object {
  return Object.defineProperty({}, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Lists in lists. */
export function deep(levels: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { d: value };
  return value;
}

/** Text that means something to somebody: to JSON, NATS, JavaScript, a terminal, a clock. */
const TEXTS = [
  "",
  " ",
  "0",
  "-1",
  "1e999",
  "NaN",
  "Infinity",
  "-Infinity",
  "null",
  "undefined",
  "true",
  "[object Object]",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "then",
  "toJSON",
  ".",
  "..",
  "*",
  ">",
  "a.b",
  "a.*",
  "a.>",
  "$JS.API.STREAM.NAMES",
  "=",
  "=zz",
  "=41",
  "=E9",
  "a b",
  "a\r\nb",
  "\u0000",
  "\u001b[2J",
  "\u202e",
  "\ufeff",
  "\ufffd",
  "\ud800",
  "\udc00x",
  "é",
  "é",
  "💥",
  "fx:",
  "fx:start.",
  "fx:start.=",
  "x".repeat(64),
  "x".repeat(65),
  "x".repeat(128),
  "x".repeat(129),
  "é".repeat(64),
  "é".repeat(65),
  "x".repeat(5_000),
  "1970-01-01T00:00:00.000Z",
  "+275760-09-13T00:00:00.000Z",
  "+275760-09-13T00:00:00.001Z",
  "-271821-04-20T00:00:00.000Z",
  "9999-99-99T99:99:99Z",
  "2026-02-30T00:00:00Z",
  "2026-01-01",
  "1",
  "--json",
  "-",
  "@",
  "@/dev/null",
  "{",
  "{}",
  "[]",
  '"',
  "'",
] as const;

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.1,
  1.5,
  1e-7,
  1e21,
  1e308,
  -1e308,
  5e-324,
  2 ** 31,
  2 ** 31 - 1,
  2 ** 32,
  2 ** 53,
  2 ** 53 - 1,
  -(2 ** 53),
  8.64e15,
  8.64e15 + 1,
  1_700_000_000_000,
] as const;

/** Text of all kinds. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...TEXTS), fc.constantFrom(...TEXTS))
      .map((two) => two.join("")),
  },
);

/** What JSON can carry, of the worse kinds. */
export const jsons: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: texts },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(...NUMBERS) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom<() => unknown>(
        () => null,
        () => true,
        () => false,
        () => [],
        () => ({}),
        () => [null],
        () => [[], {}],
        () => own("__proto__", { polluted: true, status: "running" }),
        () => own("constructor", { prototype: { polluted: true } }),
        () => ({ ...own("then", 1), toJSON: "x", length: -1 }),
        () => Array(300).fill("x"),
        () => Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])),
        () => deep(20),
        () => deep(499),
        () => deep(501),
        () => deep(900),
        () => "y".repeat(70_000),
      )
      .map((make) => make()),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** One thing done to a value at some place in it. */
interface Edit {
  readonly path: readonly number[];
  readonly op: "set" | "set" | "delete" | "add" | "repeat" | "wrap" | "swap";
  readonly key: string;
  readonly value: unknown;
}

const edits: fc.Arbitrary<Edit> = fc.record({
  path: fc.array(fc.nat(40), { maxLength: 5 }),
  op: fc.constantFrom(
    "set" as const,
    "set" as const,
    "delete" as const,
    "add" as const,
    "repeat" as const,
    "wrap" as const,
    "swap" as const,
  ),
  key: texts,
  value: jsons,
});

type Holder = Record<string, unknown>;
const isHolder = (value: unknown): value is Holder => typeof value === "object" && value !== null;

function put(holder: Holder, key: string, value: unknown): void {
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** The value with the edit made. What it is given may be changed. */
function edited(root: unknown, { path, op, key, value }: Edit): unknown {
  let holder: unknown = { root };
  let at = "root";
  for (const step of path) {
    const inner: unknown = (holder as Holder)[at];
    if (!isHolder(inner)) break;
    const keys = Object.keys(inner);
    if (keys.length === 0) break;
    holder = inner;
    at = keys[step % keys.length] ?? "";
  }
  const within = holder as Holder;
  const here = within[at];
  if (op === "set") put(within, at, value);
  else if (op === "delete" && at !== "root") {
    if (Array.isArray(within)) within.splice(Number(at), 1);
    else delete within[at];
  } else if (op === "add" && Array.isArray(here)) here.push(value);
  else if (op === "add" && isHolder(here)) put(here, key, value);
  else if (op === "repeat") put(within, at, Array(3).fill(here));
  else if (op === "wrap") put(within, at, { [key]: here });
  else if (op === "swap") put(within, at, JSON.stringify(here) ?? "");
  return at === "root" ? within["root"] : root;
}

/** One of the values, spoilt at up to four places. Sometimes not at all, so that what is right is seen to pass. */
function spoilt<T>(corpus: readonly T[]): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      fc.constantFrom(...corpus.map((one) => JSON.stringify(one))),
      fc.array(edits, { maxLength: 4 }),
    )
    .map(([text, list]) => list.reduce<unknown>(edited, JSON.parse(text) as unknown));
}

/** One thing done to text. */
interface TextEdit {
  readonly at: number;
  readonly op: "cut" | "drop" | "insert" | "number" | "double" | "nest";
  readonly text: string;
}

const RAW = [
  '"\\ud800"',
  "1e999",
  "-1e999",
  "123456789012345678901234567890",
  "0x10",
  "NaN",
  "01",
  "-",
  ",",
  "}",
  "]",
  "{",
  "[",
  '"',
  "\\",
  ":",
  "\u0000",
  "\ufeff",
  "/**/",
  '"__proto__":{},',
  '"runId":"a","runId":"b",',
  "\\u0000",
] as const;

const textEdits: fc.Arbitrary<TextEdit> = fc.record({
  at: fc.nat(1_000),
  op: fc.constantFrom(
    "cut" as const,
    "drop" as const,
    "insert" as const,
    "number" as const,
    "double" as const,
    "nest" as const,
  ),
  text: fc.constantFrom(...RAW),
});

function editedText(given: string, { at, op, text }: TextEdit): string {
  const place = given.length === 0 ? 0 : at % (given.length + 1);
  switch (op) {
    case "cut":
      return given.slice(0, place);
    case "drop":
      return given.slice(0, place) + given.slice(place + 1 + (at % 7));
    case "insert":
      return given.slice(0, place) + text + given.slice(place);
    case "number":
      return given.replace(/\d+/, text);
    case "double":
      return given.replace(/("\w+":)/, `$1${text},$1`);
    case "nest": {
      const levels = [3, 100, 499, 502, 2_000, 20_000][at % 6] ?? 3;
      return `${"[".repeat(levels)}${given}${"]".repeat(levels)}`;
    }
  }
}

/** Text that JSON cannot write, or nobody does. */
const junk: fc.Arbitrary<string> = fc.oneof(
  texts,
  fc.constantFrom(
    "null",
    "[]",
    "[1]",
    '"text"',
    "{'a':1}",
    "NaN",
    "\u0000\ufffd",
    "{}{}",
    "1e999",
    "[".repeat(50_000),
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
);

/** JSON text of one of the values, spoilt as a value, as text, or both; sometimes no JSON at all. */
export function bodies<T>(corpus: readonly T[]): fc.Arbitrary<string> {
  const values = spoilt(corpus).map((value) => JSON.stringify(value) ?? "");
  return fc.oneof(
    { weight: 6, arbitrary: values },
    {
      weight: 3,
      arbitrary: fc
        .tuple(values, fc.array(textEdits, { minLength: 1, maxLength: 3 }))
        .map(([text, list]) => list.reduce(editedText, text)),
    },
    { weight: 1, arbitrary: junk },
  );
}

/** Bytes of a header block: names, values and line ends of all kinds. */
export const headerBlocks: fc.Arbitrary<string> = fc.oneof(
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          "NATS/1.0",
          "NATS/1.0 404 No Messages",
          "NATS/1.0 503",
          "NATS/1.0 100 Idle Heartbeat",
          "NATS/1.0 408 Request Timeout",
          "NATS/1.0 409 Consumer Deleted",
          "NATS/1.0 -1",
          "NATS/1.0 1e9 x",
          "HTTP/1.1",
          "",
        ),
        fc.array(
          fc.tuple(
            fc.oneof(
              fc.constantFrom(
                "Nats-Msg-Id",
                "Nats-Sequence",
                "Nats-Subject",
                "Nats-Time-Stamp",
                "Nats-Num-Pending",
                "Nats-Pending-Messages",
                "Floxide-Run-Info",
                "Floxide-Workflow",
                "Floxide-Run",
                "Bad Name",
                "",
                ":",
                "KV-Operation",
                "Nats-Marker-Reason",
              ),
              texts,
            ),
            fc.constantFrom(": ", ":", " : ", ""),
            texts,
            fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "\r", ""),
          ),
          { maxLength: 6 },
        ),
        fc.constantFrom("\r\n", "", "\r\n\r\n"),
      )
      .map(
        ([status, lines, end]) =>
          `${status}\r\n${lines.map((line) => line.join("")).join("")}${end}`,
      ),
  },
);

/** What no JSON is: what code in this process may hand over. Each is made anew, as some cannot be used twice. */
export const objects: fc.Arbitrary<{ readonly what: string; readonly value: unknown }> = fc.oneof(
  { weight: 2, arbitrary: jsons.map((value) => ({ what: "json", value })) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom<readonly [string, () => unknown]>(
        ["undefined", () => undefined],
        ["a function", () => () => 1],
        ["a class", () => class Thing {}],
        ["a symbol", () => Symbol("s")],
        ["a bigint", () => 10n],
        ["NaN", () => Number.NaN],
        ["infinity", () => Number.POSITIVE_INFINITY],
        ["a date", () => new Date(0)],
        ["no date", () => new Date(Number.NaN)],
        ["a map", () => new Map([["a", 1]])],
        ["a set", () => new Set([1])],
        ["bytes", () => new Uint8Array(3)],
        ["a regular expression", () => /a/g],
        ["an error", () => new TypeError("oh")],
        [
          "an error without a message",
          () => Object.assign(new Error("x"), { message: 5, name: null, stack: {} }),
        ],
        [
          "an error with a long name",
          () => Object.assign(new Error("x"), { name: "N".repeat(100_000) }),
        ],
        [
          "a look-alike of our errors",
          () => Object.assign(new Error("x"), { code: "nonsense", details: 7 }),
        ],
        ["an error that may not be asked", () => new Proxy(new Error("x"), { get: () => oh() })],
        ["symbol keys", () => ({ [Symbol.iterator]: 1, a: 2 })],
        ["no prototype", () => Object.create(null) as unknown],
        ["a cycle", () => cycle()],
        [
          "a getter that throws",
          () => ({
            get a() {
              return oh();
            },
          }),
        ],
        ["toJSON that throws", () => ({ toJSON: () => oh() })],
        ["toJSON that gives nothing", () => ({ toJSON: () => undefined })],
        [
          "toString that throws",
          () => ({ toString: () => oh(), [Symbol.toPrimitive]: () => oh() }),
        ],
        [
          "a proxy that throws",
          () =>
            new Proxy(
              {},
              { get: () => oh(), ownKeys: () => oh(), has: () => oh(), getPrototypeOf: () => oh() },
            ),
        ],
        ["a revoked proxy", () => revoked()],
        ["a promise", () => Promise.resolve(1)],
        ["a thenable", () => own("then", (done: (value: unknown) => void) => done(1))],
        ["a list with holes", () => Array(5)],
        ["a frozen object", () => Object.freeze({ a: 1 })],
        ["a deep object", () => deep(3_000)],
        ["a long list", () => Array(2_000).fill(1)],
        ["wrapped text", () => Object("text") as unknown],
        ["an argument list", () => argumentList(1, 2)],
      )
      .map(([what, make]) => ({ what, value: make() })),
  },
);

function oh(): never {
  throw new RangeError("oh");
}

function cycle(): object {
  const one: Record<string, unknown> = { a: 1 };
  one["self"] = one;
  return one;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function argumentList(..._values: number[]): unknown {
  // biome-ignore lint/complexity/noArguments: it is what this is about
  return arguments;
}

/** An object of which some fields are right and others are anything. */
export function fields(
  names: readonly string[],
  right: Readonly<Record<string, unknown>>,
): fc.Arbitrary<Record<string, unknown>> {
  return fc.array(fc.tuple(fc.constantFrom(...names), objects), { maxLength: 3 }).map((spoils) => {
    const made: Record<string, unknown> = { ...right };
    for (const [name, { value }] of spoils) made[name] = value;
    return made;
  });
}
