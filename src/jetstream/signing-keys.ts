import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { FloxideError } from "../core/errors.ts";
import { keyId, type SigningKey, type TrustedKeys } from "./signature.ts";

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** A new pair of keys as PEM text: PKCS #8 and SPKI, as openssl writes them. */
export function newKeyPair(): {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly id: string;
} {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    id: keyId(publicKey),
  };
}

/** Reads a private key. @throws FloxideError `validation`; the key is not in its message */
export function readSigningKey(pem: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw unusable("signingKey: is no private key in PEM form", cause);
  }
  return { id: keyId(ed25519("signingKey", createPublicKey(key))), key };
}

/**
 * Reads public keys: any number of PEM blocks, in one text or several. Text between blocks is a comment.
 *
 * @throws FloxideError `validation`
 */
export function readTrustedKeys(pem: string | readonly string[]): TrustedKeys {
  const blocks = [pem].flat().flatMap((text) => [...text.matchAll(BLOCK)]);
  if (blocks.length === 0) throw unusable("trustedKeys: has no public key in PEM form");
  const keys = new Map<string, KeyObject>();
  for (const [block, label = ""] of blocks) {
    // A public key can be made of a private one: but that has no business where public keys are.
    if (label !== "PUBLIC KEY") {
      throw unusable(`trustedKeys: has a block "${label}": only "PUBLIC KEY" belongs there`);
    }
    const key = ed25519("trustedKeys", publicKeyOf(block));
    keys.set(keyId(key), key);
  }
  return keys;
}

function publicKeyOf(block: string): KeyObject {
  try {
    return createPublicKey(block);
  } catch (cause) {
    throw unusable("trustedKeys: has a block that is no public key", cause);
  }
}

function ed25519(option: string, key: KeyObject): KeyObject {
  if (key.asymmetricKeyType === "ed25519") return key;
  throw unusable(`${option}: is a key of the type ${key.asymmetricKeyType}: it must be ed25519`);
}

function unusable(message: string, cause?: unknown): FloxideError {
  return new FloxideError("validation", message, { cause });
}
