// What the apply worker knows of orphans beside the change itself: where none may be moved to, and what is told of those that go.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { toSmError } from "../base/errors.js";
import { liesWithin } from "../fs/storage-place.js";
import { type BytePath, textFromBytes } from "../model/byte-path.js";
import type { OrphanPlaceName, RootIndex } from "../model/change.js";
import type { Mapping } from "../model/connection-spec.js";
import type { OrphanSums } from "../model/orphan-sums.js";
import type { OrphanLogging } from "../model/orphans.js";
import { readClaims } from "./claims-file.js";
import { checkTargetPath, realPathOf, type TargetPathRules } from "./target-path.js";

export interface GoneOrphan {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isDirectory: boolean;
  /** Where it is now, absolute, in bytes; null = deleted. */
  readonly to: string | null;
}

export interface OrphanTotals {
  readonly how: "deleted" | "moved";
  readonly sums: OrphanSums;
}

/** What a target allows and logs of orphans. */
export interface OrphanPolicy extends TargetPathRules {
  readonly log: OrphanLogging;
}

export interface OrphanDesk {
  /** Why nothing can be moved there; null = it can. */
  refusalOf(place: OrphanPlaceName): string | null;
  gone(orphan: GoneOrphan): void;
  totals(how: OrphanTotals["how"], sums: OrphanSums): void;
  /** Everything is told. */
  flush(): void;
}

/** Where nobody listens, and no other connection is. */
export const QUIET_DESK: OrphanDesk = {
  refusalOf: () => null,
  gone: () => undefined,
  totals: () => undefined,
  flush: () => undefined,
};

export interface OrphanDeskOptions {
  readonly policy: OrphanPolicy;
  readonly mappings: readonly Mapping[];
  /** Of the connection; the claims of all are beside it. */
  readonly stateDirectory: string;
  readonly tell: (gone: readonly GoneOrphan[], totals: OrphanTotals | null) => void;
}

const TOLD_AT_ONCE = 500;

export class WorkerOrphanDesk implements OrphanDesk {
  readonly #options: OrphanDeskOptions;
  #gone: GoneOrphan[] = [];

  constructor(options: OrphanDeskOptions) {
    this.#options = options;
  }

  refusalOf({ directory, repset, time }: OrphanPlaceName): string | null {
    const { policy, mappings, stateDirectory } = this.#options;
    const text = textFromBytes(join(directory, repset, time));
    const above = textFromBytes(directory);
    if (text === undefined || above === undefined) return "the directory to move orphans to is not named in UTF-8";
    try {
      checkTargetPath(above, policy);
      const path = join(stateDirectory, "..", "claims.json");
      const claimed = existsSync(path) ? readClaims(path).flatMap((claim) => claim.mappings) : [];
      const hit = [...mappings, ...claimed].find(({ target }) => liesWithin(realPathOf(text), realPathOf(target)));
      return hit === undefined ? null : `orphans cannot be moved to ${above}: it is in ${hit.target}, which is replicated`;
    } catch (error) {
      return toSmError(error).message.replace("cannot be a target", "cannot take orphans");
    }
  }

  gone(orphan: GoneOrphan): void {
    if (this.#options.policy.log !== "names") return;
    this.#gone.push(orphan);
    if (this.#gone.length >= TOLD_AT_ONCE) this.flush();
  }

  totals(how: OrphanTotals["how"], sums: OrphanSums): void {
    this.#options.tell(this.#gone.splice(0), { how, sums });
  }

  flush(): void {
    if (this.#gone.length > 0) this.#options.tell(this.#gone.splice(0), null);
  }
}
