import type { TargetTerms } from "../apply/target-terms.js";
import { SmError } from "../base/errors.js";
import type { TargetChoice } from "../model/control-port.js";

export function whatOf({ connectionId, source }: TargetChoice): string {
  if (connectionId === undefined && source === undefined) return "every connection";
  return `${connectionId === undefined ? "connections" : `connection ${connectionId}`}${source === undefined ? "" : ` of ${source}`}`;
}

/** The connections that are meant, by key; null = all. Throws NOT_FOUND, or USAGE when the number means several. */
export function keysOf(
  views: readonly { readonly key: string; readonly terms: TargetTerms }[],
  { connectionId, source }: TargetChoice,
): readonly string[] | null {
  if (connectionId === undefined && source === undefined) return null;
  const found = views.filter(({ terms }) => (connectionId ?? terms.connectionId) === terms.connectionId && (source ?? terms.peer) === terms.peer);
  const what = `connection${connectionId === undefined ? "" : ` ${connectionId}`}${source === undefined ? "" : ` of ${source}`}`;
  if (found.length === 0) throw new SmError("NOT_FOUND", `this agent is not the target of any ${what}`);
  const sources = found.map(({ terms }) => terms.peer);
  if (connectionId !== undefined && sources.length > 1)
    throw new SmError("USAGE", `${sources.join(" and ")} have a connection ${connectionId}: name the source with --source`);
  return found.map(({ key }) => key);
}
