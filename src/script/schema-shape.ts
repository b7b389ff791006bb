// A JSON Schema as a person reads it: {"id": integer, "mode"?: "full"|"difference"}.

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const DEPTH_MAX = 16;

export function shapeText(schema: Readonly<Record<string, unknown>>): string {
  return shape(schema as Schema, 0);
}

function shape(schema: Schema, depth: number): string {
  const options = schema.anyOf ?? schema.oneOf;
  if (depth > DEPTH_MAX) return "…";
  if (options !== undefined) return options.map((option) => shape(option, depth + 1)).join(" | ");
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join("|");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${shape(schema.items ?? {}, depth + 1)}, …]`;
  if (schema.properties === undefined) return schema.type ?? "any";
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties).map(([key, field]) => `${JSON.stringify(key)}${required.has(key) ? "" : "?"}: ${shape(field, depth + 1)}`);
  return `{${fields.join(", ")}}`;
}
