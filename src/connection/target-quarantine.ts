// The quarantine of this agent's targets for people: list, try again, give up. With the source or without: what is decided
// while it is away is done when it comes.

import type { ApplyService } from "../apply/apply-service.js";
import { Quarantine, quarantinePath } from "../apply/quarantine.js";
import { type KeptPath, readKept } from "../apply/quarantine-file.js";
import { isGivenUp } from "../apply/quarantine-news.js";
import type { TargetTerms } from "../apply/target-terms.js";
import { SmError } from "../base/errors.js";
import { displayPath } from "../model/byte-path.js";
import type { QuarantineControl, QuarantineEntry } from "../model/control-port.js";
import type { QuarantineNews } from "../model/session.js";

export interface QuarantinedTarget {
  readonly key: string;
  readonly terms: TargetTerms;
  readonly news: QuarantineNews | null;
  readonly stateDirectory: string;
  /** Its worker; null while nobody is connected. */
  readonly service: Pick<ApplyService, "orderQuarantine"> | null;
  /** A source is just being taken. */
  readonly isOpening: boolean;
}

export interface QuarantinedTargets {
  quarantined(): readonly QuarantinedTarget[];
  reread(key: string): void;
}

interface Chosen {
  readonly target: QuarantinedTarget;
  readonly kept: readonly KeptPath[];
}

export class TargetQuarantine implements QuarantineControl {
  readonly #targets: QuarantinedTargets;
  /** How long a path is tried before it counts as given up; null = for ever. */
  readonly #limitMs: () => number | null;

  constructor(targets: QuarantinedTargets, limitMs: () => number | null) {
    this.#targets = targets;
    this.#limitMs = limitMs;
  }

  async list(): Promise<readonly QuarantineEntry[]> {
    return this.#choose(null).flatMap(({ target, kept }) => kept.map((entry) => this.#entryOf(target, entry)));
  }

  async order(order: "retry" | "drop", path: string | null): Promise<readonly QuarantineEntry[]> {
    const chosen = this.#choose(path);
    if (path !== null && chosen.length === 0) throw new SmError("NOT_FOUND", `${path} is not in quarantine: see \`sm quarantine list\``);
    const busy = chosen.find(({ target }) => target.isOpening);
    if (busy !== undefined) throw new SmError("PEER_BUSY", `connection ${busy.target.terms.connectionId} of ${busy.target.terms.peer} is just being opened`);
    for (const { target, kept } of chosen) {
      const ids = kept.map(({ id }) => id);
      if (target.service !== null) target.service.orderQuarantine(order, ids);
      else if (order === "drop") this.#dropKept(target, ids);
    }
    const isDropped = order === "drop";
    return chosen.flatMap(({ target, kept }) => kept.map((entry) => this.#entryOf(target, { ...entry, isDropped: entry.isDropped || isDropped })));
  }

  #choose(path: string | null): readonly Chosen[] {
    return this.#targets
      .quarantined()
      .map((target) => {
        const kept = readKept(quarantinePath(target.stateDirectory));
        return { target, kept: path === null ? kept : kept.filter((entry) => placeOf(target, entry) === path) };
      })
      .filter(({ kept }) => kept.length > 0);
  }

  /** Nobody writes it while nobody is connected; the source is told when it is. */
  #dropKept({ key, stateDirectory }: QuarantinedTarget, ids: readonly number[]): void {
    const quarantine = Quarantine.open(quarantinePath(stateDirectory));
    try {
      quarantine.drop(quarantine.all.filter(({ id }) => ids.includes(id)));
      quarantine.sync();
    } finally {
      quarantine.close();
    }
    this.#targets.reread(key);
  }

  #entryOf(target: QuarantinedTarget, entry: KeptPath): QuarantineEntry {
    const { terms, news } = target;
    const { id, code, message, sinceMs, isWide, isDropped } = entry;
    const nextMs = news?.shown.find((shown) => shown.id === id)?.nextMs ?? null;
    const isOver = isGivenUp(entry, this.#limitMs(), Date.now());
    return {
      connectionId: terms.connectionId,
      source: terms.peer,
      repset: terms.repset,
      path: placeOf(target, entry),
      code,
      message,
      since: new Date(sinceMs).toISOString(),
      state: isDropped ? "dropped" : isOver ? "quarantined" : "retrying",
      nextAt: nextMs === null || isDropped ? null : new Date(nextMs).toISOString(),
      needsMirror: isWide || isDropped,
    };
  }
}

function placeOf({ terms }: QuarantinedTarget, { root, path }: KeptPath): string {
  const top = terms.mappings[root]?.target ?? "";
  return path === "" ? top : `${top === "/" ? "" : top}/${displayPath(path)}`;
}
