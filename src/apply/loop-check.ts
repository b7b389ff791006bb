// Copies that would feed themselves: a target inside its source on one machine, and chains of connections that close, however long.

import { SmError } from "../base/errors.js";
import { liesWithin, realPathAsFarAsItExists } from "../fs/storage-place.js";
import type { Mapping } from "../model/connection-spec.js";
import { isInside } from "../model/repset-roots.js";
import { type Hello, ORIGINS_MAX, type Origin } from "../model/session.js";

/**
 * What flows into a directory of this agent: `place`/x is a copy of `path`/x of `agent`, sent there by its connection `key`, perhaps
 * by way of others.
 */
export type Feed = Origin;

/** Source and target are on one machine: no source may lie inside a target, nor the other way round. */
export function refuseLocalLoops(mappings: readonly Mapping[]): void {
  for (const { source } of mappings) {
    const hit = mappings.find(({ target }) => liesWithin(source, target));
    if (hit === undefined) continue;
    throw new SmError("LOOP", `the target path ${hit.target} and the source ${source} lie inside each other on this machine`);
  }
}

function relative(path: string, ancestor: string): string {
  return path.slice(ancestor === "/" ? 0 : ancestor.length);
}

function join(path: string, rest: string): string {
  return rest === "" || rest === "/" ? path : `${path === "/" ? "" : path}${rest.startsWith("/") ? rest : `/${rest}`}`;
}

/** What a connection brings: its own source, and what flows into that. Places are real paths. */
export function feedsOf({ connectionKey, mappings, origins }: Pick<Hello, "connectionKey" | "mappings" | "origins">, agent: string): Feed[] {
  return mappings.flatMap(({ source, target }) => {
    const real = realPathAsFarAsItExists(target);
    const further = origins.filter(({ place }) => isInside(place, source)).map((origin) => ({ ...origin, place: join(real, relative(origin.place, source)) }));
    return [{ place: real, agent, path: source, key: connectionKey }, ...further];
  });
}

/** What flows into the roots of a source. Throws LOOP when it is too much to be told. */
export function originsOf(roots: readonly string[], feeds: readonly Feed[]): Origin[] {
  if (feeds.length === 0) return [];
  const origins = roots.flatMap((root) => {
    const real = realPathAsFarAsItExists(root);
    return feeds.flatMap((feed): Origin[] => {
      if (isInside(feed.place, real)) return [{ ...feed, place: join(root, relative(feed.place, real)) }];
      return isInside(real, feed.place) ? [{ ...feed, place: root, path: join(feed.path, relative(real, feed.place)) }] : [];
    });
  });
  if (origins.length <= ORIGINS_MAX) return origins;
  throw new SmError("LOOP", `more than ${ORIGINS_MAX} places flow into ${roots.join(", ")}: that none of them closes a loop cannot be told`);
}

/** Throws LOOP when what one of the connections of this agent sends would come back to it. Its key may have been another one when it was told. */
export function refuseChainLoops(feeds: readonly Feed[], isOwn: (agent: string) => boolean, isConnection: (key: string) => boolean): void {
  const closing = feeds.find((feed) => isOwn(feed.agent) && isConnection(feed.key) && liesWithin(feed.path, feed.place));
  if (closing === undefined) return;
  throw new SmError("LOOP", `what is written to ${closing.place} comes from ${closing.path} of this very agent, and would go round for ever`);
}

/** Whatever their order, and however often each is named. */
export function isSameOrigins(a: readonly Origin[], b: readonly Origin[]): boolean {
  const texts = (origins: readonly Origin[]): string[] => [...new Set(origins.map(({ place, agent, path, key }) => JSON.stringify([place, agent, path, key])))];
  const [one, two] = [texts(a), new Set(texts(b))];
  return one.length === two.size && one.every((text) => two.has(text));
}
