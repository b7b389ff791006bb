// How deep a YAML text is nested, found without recursion. What makes values of a text descends level by level, and a few ten
// thousand characters would take the whole stack, and the process with it: such a text is to be refused before.

import { type CST, Parser } from "yaml";

/** Far more than any file of ours has. */
export const YAML_DEPTH_MAX = 64;

interface Level {
  readonly token: CST.Token;
  readonly depth: number;
}

/** The offset of a value that lies deeper than YAML_DEPTH_MAX; null = none does. `onNewLine` is told where each line begins. */
export function findTooDeep(text: string, onNewLine?: (offset: number) => void): number | null {
  for (const document of new Parser(onNewLine).parse(text)) {
    const open: Level[] = [{ token: document, depth: 0 }];
    for (let level = open.pop(); level !== undefined; level = open.pop()) {
      const { token, depth } = level;
      if (depth > YAML_DEPTH_MAX) return token.offset;
      if (token.type === "document" && token.value !== undefined) open.push({ token: token.value, depth });
      if (!("items" in token)) continue;
      for (const item of token.items) {
        for (const part of [item.value, item.key]) if (part != null) open.push({ token: part, depth: depth + 1 });
      }
    }
  }
  return null;
}
