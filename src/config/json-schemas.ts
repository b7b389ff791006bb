// The files of the configuration as JSON Schemas, for editors: made from what the program itself reads them with.

import { z } from "zod";
import { rulesSchema } from "../model/rule.js";
import { ALL_FIELDS, type FieldSchema } from "./config-fields.js";
import { CONNECTION_SCHEMA } from "./connection-file.js";
import { variableOf } from "./environment.js";

export const SCHEMA_NAMES = ["sm", "repset", "connection"] as const;

export type SchemaName = (typeof SCHEMA_NAMES)[number];

const DIALECT = "https://json-schema.org/draft/2020-12/schema";

export function jsonSchemaOf(name: SchemaName): FieldSchema {
  switch (name) {
    case "sm":
      return configSchema();
    case "repset":
      return repsetSchema();
    case "connection":
      return { ...CONNECTION_SCHEMA, $schema: DIALECT, title: "A connection of sm: connections.d/NAME.yaml" };
  }
}

function configSchema(): FieldSchema {
  const sections: Record<string, Record<string, unknown>> = {};
  for (const { section, name, field } of ALL_FIELDS) {
    const description = `${field.expected}. ${sentence(field.reason)} ${effectWords(field)} Environment: ${variableOf(section, name)}.`;
    sections[section] = { ...sections[section], [name]: { ...field.schema, description } };
  }
  const properties = Object.fromEntries(
    Object.entries(sections).map(([section, fields]) => [section, { type: ["object", "null"], additionalProperties: false, properties: fields }]),
  );
  return { $schema: DIALECT, title: "Configuration of the sm agent: sm.yaml", type: ["object", "null"], additionalProperties: false, properties };
}

export function effectWords({ effect = "restart", next = "" }: { readonly effect?: "now" | "next" | "restart"; readonly next?: string }): string {
  if (effect === "now") return "A change is in force at once.";
  return effect === "next" ? `A change is in force for ${next} that begin from then on.` : "A change takes a restart of the agent.";
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function repsetSchema(): FieldSchema {
  const rules = z.toJSONSchema(rulesSchema, { io: "input" }) as FieldSchema;
  const { $schema: _, ...list } = rules;
  return {
    ...{ $schema: DIALECT, title: "A replication set of sm: repsets.d/NAME.yaml", type: "object", additionalProperties: false, required: ["rules"] },
    properties: { generation: { type: "integer", minimum: 0, description: "Grows with each save; leave it to sm." }, rules: list },
  };
}
