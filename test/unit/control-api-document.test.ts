import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { apiDocument } from "../../src/control/api-document.js";
import { COMMANDS } from "../../src/control/command-table.js";

interface Operation {
  readonly operationId: string;
  readonly "x-sm-role": string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const document = apiDocument(COMMANDS, "1.2.3");
const paths = document.paths as Paths;

test("the document is OpenAPI 3.1", async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

test("every reference of it leads somewhere", () => {
  const text = JSON.stringify(document);
  const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to ?? ""));
  expect(references.size).toBeGreaterThan(10);
  for (const reference of references) {
    const found = reference
      .slice(2)
      .split("/")
      .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
    expect(found, reference).toBeTypeOf("object");
  }
  expect(text).not.toContain("$defs");
});

test("each command is an operation with its role, GET where it only reads", () => {
  for (const { name, role } of COMMANDS) {
    const item = paths[`/api/v1/${name.replaceAll(".", "/")}`];
    expect(Object.keys(item ?? {}), name).toEqual(role === "admin" ? ["post"] : ["get", "post"]);
    for (const operation of Object.values(item ?? {})) expect(operation["x-sm-role"]).toBe(role);
  }
  const ids = Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
  expect(paths["/api/v1/connection/show"]?.get?.parameters).toMatchObject([{ name: "id", in: "query", required: true, schema: { type: "integer" } }]);
  expect(Object.keys(paths["/api/v1/events"]?.get?.responses ?? {})).toEqual(expect.arrayContaining(["200", "401", "403", "429", "503", "default"]));
});
