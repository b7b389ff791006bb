// Who this agent is to its peers: a P-256 key and a self-signed certificate. Peers pin the certificate (sha256 of its DER), so
// neither names nor dates nor authorities matter; possession of the key is proven by TLS.
//
// A rotation has two of them for a while (ADR 0048). `identity` is shown to whoever knows no other, `identity.next` is announced,
// and confirmed by each peer; then it takes the name of the first, which is removed.

import { createHash, type X509Certificate } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import { checkFiles, createFiles, type IdentityFiles, loadFiles } from "./identity-files.js";
import { makePrivateDirectory, syncPath } from "./secret-file.js";
import { SecretState } from "./secret-state.js";

/** The name under which an agent knows itself; no peer may take it. */
export const LOCALHOST = "localhost";

/** Certificates that were this agent's: the oldest are forgotten. */
const FORMER_MAX = 1000;
const CONFIRMED_MAX = 10_000;

export function fingerprintOf(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);

const rotationSchema = z.strictObject({
  startedAt: z.iso.datetime(),
  /** When the old key goes, whoever has not confirmed the new one. */
  until: z.iso.datetime(),
  next: hashSchema,
  /** Pairings (name and time) whose peer takes the new certificate, and the old one no more. */
  confirmed: z.array(z.string()),
  /** The old key is being removed: there is no way back. */
  isDropping: z.boolean(),
});
const fileSchema = z.strictObject({ version: z.literal(1), former: z.array(hashSchema), rotation: rotationSchema.nullable() });
type RotationFile = z.infer<typeof fileSchema>;
export type Rotation = z.infer<typeof rotationSchema>;

/** One pairing: a peer that was removed and paired anew is another. */
export interface Pairing {
  readonly name: string;
  readonly addedAt: string;
}

class KeyPair {
  readonly files: IdentityFiles;
  readonly fingerprint: string;
  readonly certificate: X509Certificate;

  constructor(directory: string, files: IdentityFiles) {
    this.files = files;
    this.certificate = checkFiles(directory, files);
    this.fingerprint = fingerprintOf(this.certificate.raw);
  }
}

export class Identity {
  readonly #stateDir: string;
  readonly #name: string;
  readonly #state: SecretState<RotationFile>;
  readonly #listeners = new Set<() => void>();
  #record: RotationFile;
  #current: KeyPair;
  #next: KeyPair | undefined;
  #turn: Promise<void> = Promise.resolve();

  private constructor(stateDir: string, name: string, state: SecretState<RotationFile>, record: RotationFile, pairs: readonly [KeyPair, KeyPair | undefined]) {
    this.#stateDir = stateDir;
    this.#name = name;
    this.#state = state;
    this.#record = record;
    [this.#current, this.#next] = pairs;
  }

  /** Loads the identity below `stateDir`, or makes it on first start; completes what a crash left half done of a rotation. */
  static async open(stateDir: string, name: string): Promise<Identity> {
    await makePrivateDirectory(stateDir);
    const state = new SecretState(join(stateDir, "rotation.json"), fileSchema);
    let record = (await state.read()) ?? { version: 1, former: [], rotation: null };
    const directory = join(stateDir, "identity");
    const nextDirectory = join(stateDir, "identity.next");
    if (record.rotation?.isDropping === true) {
      await swap(stateDir, record.rotation.next);
      record = { ...record, rotation: null };
      await state.write(() => record);
    } else if (record.rotation === null) {
      // Never announced: the record comes before the first word to a peer.
      await rm(nextDirectory, { recursive: true, force: true });
    }
    const files = await loadFiles(directory);
    if (files === undefined && (record.former.length > 0 || record.rotation !== null)) {
      throw new SmError("STATE_CORRUPT", `${directory} is missing, though ${state.path} tells of it`);
    }
    const current = new KeyPair(directory, files ?? (await createFiles(stateDir, directory, name)));
    const next = record.rotation === null ? undefined : await requireNext(nextDirectory, record.rotation.next);
    return new Identity(stateDir, name, state, record, [current, next]);
  }

  get fingerprint(): string {
    return this.#current.fingerprint;
  }

  /** ISO 8601. */
  get validFrom(): string {
    return new Date(this.#current.certificate.validFrom).toISOString();
  }

  get validTo(): string {
    return new Date(this.#current.certificate.validTo).toISOString();
  }

  /** Fingerprint of the certificate that is to take the place of this one, while a rotation is under way. */
  get next(): string | undefined {
    return this.#next?.fingerprint;
  }

  /** What this agent is to be known by from now on. */
  get newest(): string {
    return this.next ?? this.fingerprint;
  }

  get rotation(): Rotation | null {
    return this.#record.rotation;
  }

  /** Of a certificate whose key this agent holds. One that it gave up is a stranger's. */
  isOwn(fingerprint: string): boolean {
    return fingerprint === this.fingerprint || fingerprint === this.next;
  }

  /** Of a certificate that is, or was, that of this agent: for the names of things, never for trust. */
  wasOwn(fingerprint: string): boolean {
    return this.isOwn(fingerprint) || this.#record.former.includes(fingerprint);
  }

  /** What TLS needs of it, on both sides; of the next one where that is asked for. */
  tls(fingerprint?: string): { readonly key: string; readonly cert: string } {
    const { keyPem, certPem } = (fingerprint !== undefined && fingerprint === this.next ? (this.#next ?? this.#current) : this.#current).files;
    return { key: keyPem, cert: certPem };
  }

  isConfirmed(pairing: Pairing): boolean {
    return this.#record.rotation?.confirmed.includes(keyOf(pairing)) ?? true;
  }

  /** Calls back when the certificates changed that this agent shows. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes the next key. Durable when it resolves; nobody was told of it. Throws REFUSED when there is a rotation. */
  begin(startedAt: string, until: string): Promise<Rotation> {
    return this.#inTurn(() => this.#begin(startedAt, until));
  }

  async #begin(startedAt: string, until: string): Promise<Rotation> {
    if (this.#record.rotation !== null) throw new SmError("REFUSED", "a rotation is under way already");
    const directory = join(this.#stateDir, "identity.next");
    await rm(directory, { recursive: true, force: true });
    const next = new KeyPair(directory, await createFiles(this.#stateDir, directory, this.#name));
    const rotation: Rotation = { startedAt, until, next: next.fingerprint, confirmed: [], isDropping: false };
    await this.#write({ ...this.#record, rotation });
    this.#next = next;
    this.#tell();
    return rotation;
  }

  /** The peer takes the next certificate and refuses this one, as it has proven. Durable when it resolves. */
  async confirm(pairing: Pairing): Promise<void> {
    await this.#inTurn(async () => {
      const { rotation } = this.#record;
      if (rotation === null || this.isConfirmed(pairing)) return;
      await this.#write({ ...this.#record, rotation: { ...rotation, confirmed: [...rotation.confirmed, keyOf(pairing)].slice(-CONFIRMED_MAX) } });
      this.#tell();
    });
  }

  /** Sets when the old key goes. Nothing happens without a rotation. */
  setUntil(until: string): Promise<void> {
    return this.#inTurn(async () => {
      const { rotation } = this.#record;
      if (rotation !== null) await this.#write({ ...this.#record, rotation: { ...rotation, until } });
    });
  }

  /** The next key takes the place of this one, which is removed from the disk. False: there is no rotation (any more). */
  drop(): Promise<boolean> {
    return this.#inTurn(() => this.#drop());
  }

  async #drop(): Promise<boolean> {
    const { rotation, former } = this.#record;
    const next = this.#next;
    if (rotation === null || next === undefined) return false;
    await this.#write({
      ...this.#record,
      former: [...former.filter((each) => each !== this.fingerprint), this.fingerprint].slice(-FORMER_MAX),
      rotation: { ...rotation, isDropping: true },
    });
    await swap(this.#stateDir, rotation.next);
    await this.#write({ ...this.#record, rotation: null });
    this.#current = next;
    this.#next = undefined;
    this.#tell();
    return true;
  }

  #inTurn<T>(deed: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(deed);
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** What is written counts from then on: a disk that refuses it leaves the rotation as it was. */
  async #write(record: RotationFile): Promise<void> {
    await this.#state.write(() => record);
    this.#record = record;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function keyOf({ name, addedAt }: Pairing): string {
  return `${addedAt} ${name}`;
}

async function requireNext(directory: string, fingerprint: string): Promise<KeyPair> {
  const files = await loadFiles(directory);
  const pair = files === undefined ? undefined : new KeyPair(directory, files);
  if (pair?.fingerprint === fingerprint) return pair;
  throw new SmError("STATE_CORRUPT", `${directory} is not the certificate ${fingerprint} that was announced to the peers`);
}

/** Can be begun anew wherever it was cut short: the old key stands aside until the next one has its name. */
async function swap(stateDir: string, next: string): Promise<void> {
  const [directory, nextDirectory, oldDirectory] = ["identity", "identity.next", "identity.old"].map((name) => join(stateDir, name)) as [
    string,
    string,
    string,
  ];
  if ((await loadFiles(nextDirectory)) !== undefined) {
    await requireNext(nextDirectory, next);
    if ((await loadFiles(directory)) !== undefined) {
      await rm(oldDirectory, { recursive: true, force: true });
      await rename(directory, oldDirectory);
    }
    failpoint("identity.rotate.midSwap");
    await rename(nextDirectory, directory);
    await syncPath(stateDir);
  } else {
    await requireNext(directory, next);
  }
  await rm(oldDirectory, { recursive: true, force: true });
  await syncPath(stateDir);
}
