import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { signingOf } from "../../src/jetstream/signing.ts";
import { readSigningKey, readTrustedKeys } from "../../src/jetstream/signing-keys.ts";
import { Shell, type ShellOptions } from "./fake-io.ts";

let cwd = "";
const shell = (options: ShellOptions = {}) => new Shell({ cwd, ...options });
const text = (name: string) => readFileSync(join(cwd, name), "utf8");

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "floxide-keys-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

test("keygen makes a pair that fits, the private half for its owner alone", async () => {
  const { code, out } = await shell().run("keygen", "a.key");
  expect(code).toBe(0);
  const { id } = readSigningKey(text("a.key"));
  expect([...readTrustedKeys(text("a.key.pub")).keys()]).toEqual([id]);
  expect(out).toContain(id);
  expect(out).not.toContain("BEGIN");
  expect(statSync(join(cwd, "a.key")).mode & 0o777).toBe(0o600);
  expect(signingOf({ signingKey: text("a.key"), trustedKeys: text("a.key.pub") }).checks).toBe(
    true,
  );
  const second = await shell().json("keygen", "b.key");
  expect(second).toEqual({ id: expect.any(String), privateKey: "b.key", publicKey: "b.key.pub" });
  expect(second).not.toMatchObject({ id });
});

test.each(["a.key", "a.key.pub"])("keygen overwrites nothing: %s", async (name) => {
  writeFileSync(join(cwd, name), "mine");
  const { code, err } = await shell().run("keygen", "a.key");
  expect(code).toBe(2);
  expect(err).toBe(`floxide: ${name} cannot be written: it is there already\n`);
  expect(text(name)).toBe("mine");
  expect(readdirSync(cwd)).toEqual([name]);
});

test("keygen needs no key, whatever the environment names", async () => {
  const env = { FLOXIDE_SIGNING_KEY_FILE: "a.key", FLOXIDE_TRUSTED_KEYS_FILE: "a.key.pub" };
  expect((await shell({ env }).run("keygen", "a.key")).code).toBe(0);
});

test("keys come from the options, else from the environment", async () => {
  for (const name of ["a.key", "b.key"]) await shell().run("keygen", name);
  const env = { FLOXIDE_SIGNING_KEY_FILE: "a.key", FLOXIDE_TRUSTED_KEYS_FILE: "a.key.pub" };
  const opened = async (...args: string[]) => {
    const one = shell({ env });
    await one.run("list", ...args);
    return one.opened.at(-1);
  };
  expect(await opened()).toMatchObject({
    signingKey: text("a.key"),
    trustedKeys: text("a.key.pub"),
  });
  expect(
    await opened("--signing-key", "b.key", "--trusted-keys", join(cwd, "b.key.pub")),
  ).toMatchObject({ signingKey: text("b.key"), trustedKeys: text("b.key.pub") });
  const plain = shell();
  await plain.run("list");
  expect(plain.opened.at(-1)).not.toHaveProperty("signingKey");
  expect(plain.opened.at(-1)).not.toHaveProperty("trustedKeys");
});

test.each([
  ["--signing-key", "the signing key cannot be read from gone: there is no such file"],
  ["--trusted-keys", "the trusted keys cannot be read from gone: there is no such file"],
])("%s that is not there is refused in one line", async (option, said) => {
  expect(await shell().run("list", option, "gone")).toEqual({
    code: 2,
    out: "",
    err: `floxide: ${said}\n`,
  });
});
