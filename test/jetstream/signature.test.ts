import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { headers as newHeaders } from "@nats-io/nats-core";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { FloxideError } from "../../src/core/errors.ts";
import {
  keyId,
  type SignedParts,
  type SigningKey,
  signatureOf,
  whyUnproven,
} from "../../src/jetstream/signature.ts";
import { type Received, Signing, signingOf } from "../../src/jetstream/signing.ts";
import { newKeyPair, readSigningKey, readTrustedKeys } from "../../src/jetstream/signing-keys.ts";

const pair = newKeyPair();
const other = newKeyPair();
const key = readSigningKey(pair.privateKey);
const trusted = readTrustedKeys(pair.publicKey);

const parts: SignedParts = {
  subject: "floxide.start.order",
  signedAt: "2026-07-01T09:00:00.000Z",
  runInfo: "1",
  body: '{"input":{"sku":"größe"},"runId":"order-4711"}',
};

/** Text of one subject token and more: what may stand in a subject. */
const subjects = fc.stringMatching(/^[A-Za-z0-9_=.-]{1,60}$/);
const times = fc
  .date({ min: new Date(0), max: new Date("9000-01-01"), noInvalidDate: true })
  .map((at) => at.toISOString());
const anyParts: fc.Arbitrary<SignedParts> = fc.record({
  subject: subjects,
  signedAt: fc.oneof(fc.constant(""), times),
  runInfo: fc.constantFrom("", "1"),
  body: fc.string({ unit: "grapheme" }),
});

describe("a signature", () => {
  it("proves what was signed, and is the same for the same", () => {
    fc.assert(
      fc.property(anyParts, (any) => {
        const signature = signatureOf(key, any);
        expect(signatureOf(key, { ...any })).toBe(signature);
        expect(whyUnproven(trusted, signature, any)).toBeNull();
      }),
    );
  });

  it("proves nothing else: two messages never share one", () => {
    fc.assert(
      fc.property(anyParts, anyParts, (one, two) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(two));
        expect(whyUnproven(trusted, signatureOf(key, one), two)).toMatch(/does not fit/);
      }),
    );
  });

  it("is not moved by shifting text from one field to the next", () => {
    // The same five lines, cut elsewhere.
    const signature = signatureOf(key, { ...parts, signedAt: "", runInfo: "", body: "\nx" });
    for (const moved of [
      { ...parts, signedAt: "", runInfo: "\n", body: "x" },
      { ...parts, signedAt: "\n", runInfo: "", body: "x" },
      { ...parts, subject: `${parts.subject}\n`, signedAt: "", runInfo: "", body: "x" },
    ]) {
      expect(whyUnproven(trusted, signature, moved)).toMatch(/does not fit/);
    }
  });

  it.each(["subject", "signedAt", "runInfo", "body"] as const)(
    "breaks with every character of %s that is changed, added or taken away",
    (field) => {
      const signature = signatureOf(key, parts);
      const text = String(parts[field]);
      const altered = [...text].flatMap((_, i) => [
        text.slice(0, i) + (text[i] === "0" ? "2" : "0") + text.slice(i + 1),
        text.slice(0, i) + text.slice(i + 1),
        `${text.slice(0, i)}0${text.slice(i)}`,
      ]);
      for (const value of [...altered, `${text}0`, `${text} `, ""]) {
        expect(whyUnproven(trusted, signature, { ...parts, [field]: value })).toMatch(
          /does not fit/,
        );
      }
    },
  );

  it("breaks with every bit of it that is turned", () => {
    const [id = "", text = ""] = signatureOf(key, parts).split(".");
    const bytes = Buffer.from(text, "base64url");
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const signature = `${id}.${turned.toString("base64url")}`;
      expect(whyUnproven(trusted, signature, parts)).toMatch(/does not fit/);
    }
  });

  it("has one form only", () => {
    const signature = signatureOf(key, parts);
    const [id = "", text = ""] = signature.split(".");
    const padded = Buffer.from(text, "base64url").toString("base64");
    for (const form of [
      "",
      text,
      `.${text}`,
      `${id}.`,
      `${id}.${padded}`,
      `${id}.${text}x`,
      `${id}.${text}\n`,
      ` ${signature}`,
      `${signature}.none`,
      `none.${id}.${text}`,
      `${id}.${"A".repeat(85)}`,
      signature.toUpperCase(),
    ]) {
      expect(whyUnproven(trusted, form, parts), form).not.toBeNull();
    }
  });

  it("of nobody, or of somebody else, proves nothing", () => {
    expect(whyUnproven(trusted, null, parts)).toBe("it is not signed");
    const foreign = readSigningKey(other.privateKey);
    expect(whyUnproven(trusted, signatureOf(foreign, parts), parts)).toMatch(
      new RegExp(`the key ${other.id}, which is not trusted`),
    );
    // Under a trusted name.
    const masked: SigningKey = { id: pair.id, key: foreign.key };
    expect(whyUnproven(trusted, signatureOf(masked, parts), parts)).toMatch(/does not fit/);
  });

  it("of a key of small order proves nothing", () => {
    const zero = `${pair.id}.${Buffer.alloc(64).toString("base64url")}`;
    const one = Buffer.alloc(64);
    one[0] = 1;
    expect(whyUnproven(trusted, zero, parts)).toMatch(/does not fit/);
    expect(whyUnproven(trusted, `${pair.id}.${one.toString("base64url")}`, parts)).toMatch(
      /does not fit/,
    );
  });
});

describe("keys", () => {
  const pem = (made: { privateKey: KeyObject; publicKey: KeyObject }) => ({
    privateKey: made.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: made.publicKey.export({ type: "spki", format: "pem" }).toString(),
  });
  const ec = pem(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const x25519 = pem(generateKeyPairSync("x25519"));

  const refusal = (act: () => unknown): FloxideError => {
    try {
      act();
    } catch (error) {
      if (error instanceof FloxideError) return error;
      throw error;
    }
    throw new Error("it was not refused");
  };

  it("have the same id in both halves, whatever was written around them", () => {
    expect(key.id).toBe(pair.id);
    const text = `# the old one\n${pair.publicKey}\n# the new one\r\n${other.publicKey.replaceAll("\n", "\r\n")}`;
    expect([...readTrustedKeys(text).keys()]).toEqual([pair.id, other.id]);
    expect([...readTrustedKeys([other.publicKey, pair.publicKey]).keys()]).toEqual([
      other.id,
      pair.id,
    ]);
    for (const [id, publicKey] of readTrustedKeys(text)) expect(keyId(publicKey)).toBe(id);
  });

  it.each([
    ["", /no private key in PEM form/],
    ["nonsense", /no private key in PEM form/],
    [pair.publicKey, /no private key in PEM form/],
    [ec.privateKey, /of the type ec: it must be ed25519/],
    [x25519.privateKey, /of the type x25519: it must be ed25519/],
  ])("that cannot sign are refused", (text, said) => {
    const error = refusal(() => readSigningKey(text));
    expect(error.code).toBe("validation");
    expect(error.message).toMatch(said);
  });

  it.each([
    ["", /has no public key in PEM form/],
    [pair.publicKey.slice(0, 60), /has no public key in PEM form/],
    [pair.privateKey, /has a block "PRIVATE KEY": only "PUBLIC KEY" belongs there/],
    [`${pair.publicKey}${pair.privateKey}`, /only "PUBLIC KEY" belongs there/],
    [ec.publicKey, /of the type ec: it must be ed25519/],
    [`${pair.publicKey}${x25519.publicKey}`, /of the type x25519: it must be ed25519/],
    [pair.publicKey.replace("MC", "AA"), /a block that is no public key/],
  ])("that cannot be trusted are refused", (text, said) => {
    const error = refusal(() => readTrustedKeys(text));
    expect(error.code).toBe("validation");
    expect(error.message).toMatch(said);
    expect(JSON.stringify([error.message, error.details])).not.toContain("MC4CAQ");
  });

  it("to trust go with one to sign, which is among them", () => {
    expect(refusal(() => signingOf({ trustedKeys: pair.publicKey })).message).toMatch(
      /need a signingKey too/,
    );
    const strange = { signingKey: pair.privateKey, trustedKeys: other.publicKey };
    expect(refusal(() => signingOf(strange)).message).toMatch(
      new RegExp(`\\(${pair.id}\\) is not among them \\(${other.id}\\)`),
    );
    expect(signingOf({}).checks).toBe(false);
    expect(signingOf({ signingKey: pair.privateKey }).checks).toBe(false);
  });
});

describe("a start request", () => {
  const NOW = Date.parse("2026-07-01T09:00:30.123Z");
  const signing = signingOf({ signingKey: pair.privateKey, trustedKeys: pair.publicKey });
  const subject = "floxide.start.order";
  const body = '{"input":1,"runId":"r"}';

  const received = (
    lines: string,
    change: Partial<Omit<Received, "headers">> = {},
    extra: readonly (readonly [string, string])[] = [],
  ): Received => {
    const headers = newHeaders();
    for (const line of lines.split("\r\n").filter((one) => one !== "")) {
      headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim());
    }
    for (const [name, value] of extra) headers.append(name, value);
    return { kind: "start", subject, headers, body, storedAt: NOW, ...change };
  };
  const { lines, mark } = signing.sealStart(subject, body, false, NOW);

  it("is trusted when it was signed as it is", () => {
    expect(signing.distrust(received(lines))).toBeNull();
    const filed = signing.sealStart(subject, body, true, NOW).lines;
    expect(signing.distrust(received(filed, {}, [["Floxide-Run-Info", "1"]]))).toBeNull();
  });

  it("is known as a repetition within a minute, by a mark that only a signer can make", () => {
    expect(signing.sealStart(subject, body, false, NOW + 20_000).mark).toBe(mark);
    expect(signing.sealStart(subject, body, false, NOW + 40_000).mark).not.toBe(mark);
    expect(signing.sealStart(subject, body, true, NOW).mark).not.toBe(mark);
    expect(mark).toMatch(/^\.[A-Za-z0-9_-]{22}$/);
    expect(lines).toContain(mark.slice(1));
  });

  test.each([
    ["without headers", { ...received(""), headers: undefined }, /is not signed/],
    ["stripped", received(""), /is not signed/],
    ["with its flag added", received(lines, {}, [["Floxide-Run-Info", "1"]]), /does not fit/],
    ["with an odd flag", received(lines, {}, [["Floxide-Run-Info", "yes"]]), /does not fit/],
    ["with two signatures", received(lines + lines), /more than one signature/],
    ["moved to another workflow", received(lines, { subject: "floxide.start.refund" }), /not fit/],
    ["moved to another namespace", received(lines, { subject: "other.start.order" }), /not fit/],
    ["with its time taken away", received(lines.split("\r\n")[1] ?? ""), /does not fit/],
    ["in another spelling", received(lines.toLowerCase()), /is not signed/],
    ["an hour late", received(lines, { storedAt: NOW + 3_600_001 }), /within an hour/],
    ["an hour early", received(lines, { storedAt: NOW - 3_700_000 }), /within an hour/],
    ["at no time", received(lines, { storedAt: Number.NaN }), /within an hour/],
  ])("is refused %s", (_what, message, said) => {
    expect(signing.distrust(message)).toMatch(said);
  });

  it("is refused where a work item's signature stands in for one of its own", () => {
    const item = signing.sealItem(subject, body).lines;
    expect(signing.distrust(received(item))).toMatch(/does not say when/);
  });

  it("is refused where its body does not name the run", () => {
    for (const text of ['{"input":1}', "null", "[]", '{"input":1,"runId":4}']) {
      const own = signing.sealStart(subject, text, false, NOW).lines;
      expect(signing.distrust(received(own, { body: text }))).toMatch(/does not name its run/);
    }
  });

  it("that is no JSON is for the worker to refuse", () => {
    const own = signing.sealStart(subject, "hello", false, NOW).lines;
    expect(signing.distrust(received(own, { body: "hello" }))).toBeNull();
  });

  it("of any kind is fine where no keys are trusted", () => {
    const open = new Signing(key, null);
    expect(open.distrust(received(""))).toBeNull();
    expect(new Signing(null, null).sealStart(subject, body, true, NOW)).toEqual({
      lines: "",
      mark: "",
    });
    expect(new Signing(null, null).sealItem(subject, body)).toEqual({ lines: "", mark: "" });
  });

  describe("that is queued again", () => {
    const DAY = 86_400_000;
    const later = NOW + 10 * DAY;
    const rewritten = '{"input":1,"runId":"r","version":2}';
    const sealed = (resealed: { lines: string; body: string }, storedAt = later) =>
      signing.distrust(received(resealed.lines, { body: resealed.body, storedAt }));

    it("is signed anew where it was verified", () => {
      const again = signing.reseal(received(lines), rewritten, later);
      expect(again.body).toBe(rewritten);
      expect(sealed(again)).toBeNull();
      // Who only signs knows its own.
      expect(sealed(new Signing(key, null).reseal(received(lines), rewritten, later))).toBeNull();
    });

    it("is never signed where it was not", () => {
      const changed = received(lines, { body: '{"input":2,"runId":"r"}' });
      for (const message of [
        received(""),
        changed,
        received(lines, { subject: "floxide.start.other" }),
        received(lines, { storedAt: later }),
        received(signatureLine(signatureOf(readSigningKey(other.privateKey), parts))),
        received(signatureLine("rubbish")),
      ]) {
        const again = signing.reseal(message, rewritten, later);
        const published = received(again.lines, { body: again.body, storedAt: later });
        const { subject: at } = message;
        expect(signing.distrust({ ...published, subject: at })).not.toBeNull();
      }
      expect(signing.reseal(received(""), rewritten, later)).toEqual({
        lines: "",
        body: rewritten,
      });
    });

    it("keeps a signature that cannot be checked here, with the body it was made for", () => {
      for (const blind of [new Signing(null, null), signingOf({ signingKey: other.privateKey })]) {
        const again = blind.reseal(received(lines), rewritten, NOW);
        expect(again.body).toBe(body);
        expect(sealed(again, NOW)).toBeNull();
      }
    });
  });
});

const signatureLine = (value: string) =>
  `Floxide-Signed-At: 2026-07-01T09:00:00.000Z\r\nFloxide-Signature: ${value}\r\n`;

describe("a work item", () => {
  const signing = signingOf({ signingKey: pair.privateKey, trustedKeys: pair.publicKey });
  const subject = "floxide.work.order.r.3";
  const body = '{"v":1,"runId":"r","item":3}';
  const { lines } = signing.sealItem(subject, body);
  const received = (change: Partial<Received> = {}): Received => {
    const headers = newHeaders();
    headers.append("Floxide-Signature", lines.slice(lines.indexOf(":") + 1).trim());
    return { kind: "work", subject, headers, body, storedAt: 0, ...change };
  };

  it("is trusted at any time", () => {
    expect(signing.distrust(received())).toBeNull();
    expect(signing.distrust(received({ storedAt: Number.MAX_SAFE_INTEGER }))).toBeNull();
  });

  it.each([
    { subject: "floxide.work.order.r.4" },
    { subject: "floxide.work.order.s.3" },
    { subject: "floxide.work.other.r.3" },
    { subject: "floxide.sched.order.r.3" },
    { body: '{"v":1,"runId":"s","item":3}' },
    { body: `${body} ` },
    { headers: undefined },
  ])("is refused with %j", (change) => {
    expect(signing.distrust(received(change))).toMatch(/is not signed|does not fit/);
  });
});
