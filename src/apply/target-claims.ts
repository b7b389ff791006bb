// Which connection writes where on this target. No two connections write into the same tree.

import { join } from "node:path";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { liesWithin } from "../fs/storage-place.js";
import { readClaims, type TargetClaim } from "./claims-file.js";
import { realPathOf } from "./target-path.js";

export type { TargetClaim } from "./claims-file.js";

export { checkTargetPath, type TargetPathRules } from "./target-path.js";

export class TargetClaims {
  readonly #path: string;
  readonly #claims: Map<string, TargetClaim>;

  private constructor(path: string, claims: Map<string, TargetClaim>) {
    this.#path = path;
    this.#claims = claims;
  }

  static async open(stateDirectory: string): Promise<TargetClaims> {
    const path = join(stateDirectory, "claims.json");
    return new TargetClaims(path, new Map(readClaims(path).map((claim) => [claim.key, claim])));
  }

  get list(): readonly TargetClaim[] {
    return [...this.#claims.values()];
  }

  /** All that is written to by whomever. */
  get places(): readonly string[] {
    return this.list.flatMap(({ mappings }) => mappings.map(({ target }) => target));
  }

  of(key: string): TargetClaim | undefined {
    return this.#claims.get(key);
  }

  /** Claims of other connections on a tree that this one would write to. */
  conflicts(claim: TargetClaim): readonly TargetClaim[] {
    return this.list.filter((other) => other.key !== claim.key && overlaps(claim, other));
  }

  /** Repeating a claim is harmless. Throws TARGET_IN_USE, MAP_INVALID, or CONNECTION_EXISTS for another mapping under a known key. */
  async register(claim: TargetClaim): Promise<void> {
    const known = this.#claims.get(claim.key);
    if (known !== undefined && !isSameMapping(known, claim)) {
      throw new SmError(
        "CONNECTION_EXISTS",
        `the connection of ${claim.repset} from ${claim.peer} writes to ${targetsOf(known)} already, not to ${targetsOf(claim)}`,
      );
    }
    const targets = claim.mappings.map(({ target }) => realPathOf(target));
    if (targets.some((one, index) => targets.some((two, other) => other > index && liesWithin(one, two))))
      throw new SmError("MAP_INVALID", `two sources of ${claim.repset} are mapped to one place, or one into the other: ${targetsOf(claim)}`);
    const [other] = this.conflicts(claim);
    if (other !== undefined) {
      throw new SmError("TARGET_IN_USE", `${targetsOf(claim)} is written to by the connection of ${other.repset} from ${other.peer} (${targetsOf(other)})`, {
        data: { key: other.key },
      });
    }
    if (known !== undefined && known.peer === claim.peer && known.repset === claim.repset) return;
    this.#claims.set(claim.key, claim);
    this.#save();
  }

  async release(key: string): Promise<void> {
    if (this.#claims.delete(key)) this.#save();
  }

  #save(): void {
    writeFileAtomic(this.#path, JSON.stringify(this.list, null, 2));
  }
}

function overlaps(a: TargetClaim, b: TargetClaim): boolean {
  return a.mappings.some((mine) => b.mappings.some((other) => liesWithin(realPathOf(mine.target), realPathOf(other.target))));
}

function isSameMapping(a: TargetClaim, b: TargetClaim): boolean {
  const flat = ({ mappings }: TargetClaim): string => JSON.stringify(mappings.map(({ source, target }) => [source, target]).sort());
  return flat(a) === flat(b);
}

function targetsOf({ mappings }: TargetClaim): string {
  return mappings.map(({ target }) => target).join(", ");
}
