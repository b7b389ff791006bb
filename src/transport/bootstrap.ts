// The tokens this agent has made and that were not used yet: hash of the secret, name, expiry. Each works once.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { PeerAddress } from "../model/channel-port.js";
import { encodeToken, keyOfSecret, type PairFacts, pairProof, proofsEqual, SECRET_BYTES } from "./bootstrap-token.js";
import { ADDRESSES_MAX, siteNameSchema } from "./peer-store.js";
import { SecretState } from "./secret-state.js";

const TOKENS_MAX = 100;
const TTL_SECONDS_MAX = 30 * 86_400;

const recordSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  key: z.string().regex(/^[0-9a-f]{64}$/),
  site: siteNameSchema,
  expires: z.iso.datetime(),
});
const fileSchema = z.strictObject({ version: z.literal(1), tokens: z.array(recordSchema).max(TOKENS_MAX) });
type TokenRecord = z.infer<typeof recordSchema>;
type TokenFile = z.infer<typeof fileSchema>;

export interface TokenRequest {
  /** Name that this agent will have on the redeeming side. */
  readonly site: string;
  /** Where the redeeming side reaches this agent. */
  readonly addresses: readonly PeerAddress[];
  readonly fingerprint: string;
  readonly ttlSeconds: number;
}

export class Bootstrap {
  readonly #state: SecretState<TokenFile>;
  readonly #clock: Clock;
  readonly #records = new Map<string, TokenRecord>();
  /** Stands in for the key of an unknown token, so that unknown and wrong take the same time. */
  readonly #decoyKey = randomBytes(32);

  private constructor(state: SecretState<TokenFile>, clock: Clock, records: readonly TokenRecord[]) {
    this.#state = state;
    this.#clock = clock;
    for (const record of records) this.#records.set(record.id, record);
  }

  static async open(stateDir: string, clock: Clock = systemClock): Promise<Bootstrap> {
    const state = new SecretState(join(stateDir, "bootstrap.json"), fileSchema);
    return new Bootstrap(state, clock, (await state.read())?.tokens ?? []);
  }

  async create(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: string }> {
    checkRequest(request);
    this.#prune();
    if (this.#records.size >= TOKENS_MAX) throw new SmError("REFUSED", `${TOKENS_MAX} tokens wait to be used: wait until one expires`);
    const secret = randomBytes(SECRET_BYTES);
    const id = randomBytes(16).toString("hex");
    const expires = new Date(this.#clock.nowMs() + request.ttlSeconds * 1000).toISOString();
    this.#records.set(id, { id, key: keyOfSecret(secret).toString("hex"), site: request.site, expires });
    try {
      await this.#save();
    } catch (error) {
      this.#records.delete(id);
      throw error;
    }
    const { site, fingerprint } = request;
    const addresses = request.addresses.map(({ host, port }) => ({ host, port }));
    return { token: encodeToken({ v: 1, site, addresses, fingerprint, secret: secret.toString("base64"), id, expires }), expiresAt: expires };
  }

  /** The key of the token when the source proves to hold it, else undefined: unknown, expired and wrong look the same. */
  verify(facts: PairFacts, proof: Buffer): { readonly key: Buffer; readonly site: string } | undefined {
    this.#prune();
    const record = this.#records.get(facts.id);
    const key = record === undefined ? this.#decoyKey : Buffer.from(record.key, "hex");
    const equal = proofsEqual(pairProof(key, "source", facts, facts.sourceSite), proof);
    return record !== undefined && equal ? { key, site: record.site } : undefined;
  }

  /** Uses the token up, durably, before anything is pinned on its strength. False when another request was first. */
  async consume(id: string): Promise<boolean> {
    if (!this.#records.delete(id)) return false;
    await this.#save();
    return true;
  }

  #prune(): void {
    const now = this.#clock.nowMs();
    for (const record of this.#records.values()) if (Date.parse(record.expires) <= now) this.#records.delete(record.id);
  }

  #save(): Promise<void> {
    return this.#state.write(() => ({ version: 1, tokens: [...this.#records.values()] }));
  }
}

function checkRequest(request: TokenRequest): void {
  if (!siteNameSchema.safeParse(request.site).success) throw new SmError("USAGE", "a site name has 1 to 255 characters, none of them a control character");
  const count = request.addresses.length;
  if (count === 0 || count > ADDRESSES_MAX) throw new SmError("USAGE", `a token names 1 to ${ADDRESSES_MAX} addresses of this agent, not ${count}`);
  if (!Number.isInteger(request.ttlSeconds) || request.ttlSeconds < 1 || request.ttlSeconds > TTL_SECONDS_MAX) {
    throw new SmError("USAGE", `a token lives for 1 to ${TTL_SECONDS_MAX} seconds, not ${request.ttlSeconds}`);
  }
}
