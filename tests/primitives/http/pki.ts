/**
 * Certificate authorities and certificates for tests, made by openssl in a folder that is gone afterwards.
 *
 * @module
 */

/** A certificate and its key, as files and as texts. */
export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to be like. */
export interface CertificateOptions {
  /** Its validity begins on this day, by `faketime`; today unless set. It lasts for a month. */
  readonly from?: string;
  /** Arguments of `openssl req` that say what key it has; an elliptic one unless set. */
  readonly key?: readonly string[];
}

const ELLIPTIC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/** A folder of authorities and certificates. */
export class Pki implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes an empty one. */
  static async make(): Promise<Pki> {
    return new Pki(await Deno.makeTempDir({ prefix: "mcp-auth-pki-" }));
  }

  /** Makes an authority. */
  async authority(name = "authority"): Promise<Issued> {
    await this.openssl([
      "req",
      "-x509",
      ...ELLIPTIC,
      "-nodes",
      "-days",
      "30",
      "-subj",
      `/CN=${name}`,
      ...files(name),
    ]);
    return await this.#read(name);
  }

  /** Makes a certificate that nobody but itself vouches for. */
  async selfSigned(name: string): Promise<Issued> {
    const extensions = [
      "-addext",
      `subjectAltName=DNS:${name}`,
      "-addext",
      "basicConstraints=critical,CA:FALSE",
    ];
    await this.openssl([
      "req",
      "-x509",
      ...ELLIPTIC,
      "-nodes",
      "-subj",
      `/CN=${name}`,
      ...extensions,
      ...files(name),
    ]);
    return await this.#read(name);
  }

  /**
   * Has an authority issue a certificate.
   *
   * @param by The name of the authority.
   * @param name Its own.
   * @param names The alternative names, such as `DNS:mcp.test,IP:127.0.0.1`.
   */
  async issue(by: string, name: string, names: string, options: CertificateOptions = {}): Promise<Issued> {
    await this.openssl([
      "req",
      ...options.key ?? ELLIPTIC,
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    ]);
    await this.write(`${name}.ext`, `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
    const sign = [
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${by}.pem`,
      "-CAkey",
      `${by}.key`,
      "-CAcreateserial",
    ];
    await this.openssl(
      [...sign, "-days", "30", "-extfile", `${name}.ext`, "-out", `${name}.pem`],
      options.from,
    );
    return await this.#read(name);
  }

  /** Writes a file and returns its path. */
  async write(name: string, text: string): Promise<string> {
    await Deno.writeTextFile(`${this.folder}/${name}`, text, { mode: 0o600 });
    return `${this.folder}/${name}`;
  }

  /** Runs openssl in the folder, on another day where that is said. */
  async openssl(args: readonly string[], day?: string): Promise<void> {
    const [program, ...first] = day === undefined ? ["openssl"] : ["faketime", day, "openssl"];
    const { success, stderr } = await new Deno.Command(program!, {
      args: [...first, ...args],
      cwd: this.folder,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  async #read(name: string): Promise<Issued> {
    const [certFile, keyFile] = [`${this.folder}/${name}.pem`, `${this.folder}/${name}.key`];
    return {
      certFile,
      keyFile,
      cert: await Deno.readTextFile(certFile),
      key: await Deno.readTextFile(keyFile),
    };
  }
}

function files(name: string): readonly string[] {
  return ["-keyout", `${name}.key`, "-out", `${name}.pem`];
}
