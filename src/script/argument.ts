import type { JsonNode } from "./json-node.js";
import type { Place } from "./place.js";

/** One part of a command, as it was written. */
export type Argument =
  | { readonly kind: "word"; readonly text: string; readonly at: Place }
  /** In quotes: never a keyword. */
  | { readonly kind: "text"; readonly text: string; readonly at: Place }
  | { readonly kind: "variable"; readonly name: string; readonly at: Place }
  | { readonly kind: "symbol"; readonly text: "=" | ","; readonly at: Place }
  | { readonly kind: "json"; readonly node: JsonNode; readonly at: Place };

export function argumentText(argument: Argument): string {
  switch (argument.kind) {
    case "variable":
      return `$${argument.name.slice(0, 100)}`;
    case "json":
      return "JSON";
    default:
      return JSON.stringify(argument.text.slice(0, 100));
  }
}
