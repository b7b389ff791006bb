// YAML that survives every way to its reader. What shows text to people writes control characters out, as \x09: within double quotes
// that means the same character, in a plain or a block scalar it would be another text.

import { Document, visit } from "yaml";

const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** Texts with control characters, line ends among them, are in double quotes, with escapes. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && CONTROL.test(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0 });
}
