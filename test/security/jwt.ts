import { nkeys } from "@nats-io/nats-core";

// The least of what `nsc` makes: an operator, an account with JetStream, and credentials of users in it.
// Source: NATS JWT v2, https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt

type KeyPair = ReturnType<typeof nkeys.createAccount>;

const decoder = new TextDecoder();
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(by: KeyPair, subject: string, name: string, claims: object): string {
  const text = [
    part({ typ: "JWT", alg: "ed25519-nkey" }),
    part({
      jti: `${name}-${subject}`,
      iat: Math.floor(Date.now() / 1000),
      iss: by.getPublicKey(),
      sub: subject,
      name,
      nats: { ...claims, version: 2 },
    }),
  ].join(".");
  return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString("base64url")}`;
}

const FREE = { subs: -1, data: -1, payload: -1 };
const LIMITS = { ...FREE, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** An operator with one account. */
export class Operator {
  readonly #account = nkeys.createAccount();
  /** What the server has to be told. */
  readonly settings: Record<string, string | Record<string, string>>;

  constructor() {
    const operator = nkeys.createOperator();
    const system = nkeys.createAccount().getPublicKey();
    const account = this.#account.getPublicKey();
    const ofAccount = (limits: object) => ({ type: "account", limits });
    this.settings = {
      operator: sign(operator, operator.getPublicKey(), "op", {
        type: "operator",
        system_account: system,
      }),
      system_account: system,
      resolver: "MEMORY",
      resolver_preload: {
        [system]: sign(operator, system, "SYS", ofAccount(LIMITS)),
        [account]: sign(operator, account, "APP", ofAccount({ ...LIMITS, ...JETSTREAM })),
      },
    };
  }

  /** The text of a credentials file. */
  credentials(name: string): string {
    const user = nkeys.createUser();
    const jwt = sign(this.#account, user.getPublicKey(), name, { type: "user", ...FREE });
    const seed = decoder.decode(user.getSeed());
    return [
      "-----BEGIN NATS USER JWT-----",
      jwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n");
  }
}
