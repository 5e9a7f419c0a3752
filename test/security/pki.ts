import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A certificate and its key, as files. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes certificates with openssl, in a folder of its own that goes at the end. */
export class Pki implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "floxide-pki-"));

  /** A certificate of its own authority. */
  async authority(name: string): Promise<Certificate> {
    const made = this.#paths(name);
    await openssl(
      ...["req", "-x509", ...NEW_KEY, "-keyout", made.keyFile, "-out", made.certFile],
      ...["-days", "2", "-subj", `/CN=${name}`, "-addext", "basicConstraints=critical,CA:TRUE"],
    );
    return made;
  }

  /** A certificate for a server or a client of these names. */
  async issue(by: Certificate, name: string, alternatives: string): Promise<Certificate> {
    const made = this.#paths(name);
    const request = join(this.folder, `${name}.csr`);
    const extensions = join(this.folder, `${name}.ext`);
    writeFileSync(extensions, `subjectAltName=${alternatives}\n`);
    await openssl(
      ...["req", "-new", ...NEW_KEY, "-keyout", made.keyFile, "-out", request],
      ...["-subj", `/CN=${name}`],
    );
    await openssl(
      ...["x509", "-req", "-in", request, "-out", made.certFile, "-days", "2"],
      ...["-CA", by.certFile, "-CAkey", by.keyFile, "-CAcreateserial", "-extfile", extensions],
    );
    return made;
  }

  /** A file with this text. */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #paths(name: string): Certificate {
    return {
      certFile: join(this.folder, `${name}.pem`),
      keyFile: join(this.folder, `${name}.key`),
    };
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Tests run beside each other: nothing may block the process while a server waits for a handshake. */
async function openssl(...args: readonly string[]): Promise<void> {
  await promisify(execFile)("openssl", args);
}
