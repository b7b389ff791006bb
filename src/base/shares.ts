// Places that are bounded, of each role by itself, so that those who may do little never keep out those who may do more; and of
// each caller, so that none takes all that its role has.

/** Who takes a place. */
export interface Sharer {
  readonly role: string;
  readonly name: string;
}

export interface SharesOptions {
  readonly roleMax: number;
  readonly callerMax: number;
}

/** How many places of the role, or of the caller, are taken: all. */
export interface SharesFull {
  readonly of: "role" | "caller";
  readonly max: number;
}

export class Shares {
  readonly #options: SharesOptions;
  readonly #taken = new Set<Sharer>();

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** Why there is none left; null = there is one. */
  fullOf({ role, name }: Sharer): SharesFull | null {
    const { roleMax, callerMax } = this.#options;
    const ofRole = [...this.#taken].filter((other) => other.role === role);
    if (ofRole.length >= roleMax) return { of: "role", max: roleMax };
    return ofRole.filter((other) => other.name === name).length >= callerMax ? { of: "caller", max: callerMax } : null;
  }

  /** Returns how the place is given back, which may be called again. */
  take({ role, name }: Sharer): () => void {
    const place = { role, name };
    this.#taken.add(place);
    return () => void this.#taken.delete(place);
  }
}
