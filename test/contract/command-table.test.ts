// The surface is a contract with scripts: commands, flags and result shapes. A change to it shows here, for review.

import { join } from "node:path";
import { Config } from "@oclif/core/config";
import { expect, test } from "vitest";
import { z } from "zod";
import { COMMANDS } from "../../src/control/command-table.js";
import { ROOT } from "../support/sm-program.js";

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly default?: unknown;
}

/** A schema as a reader writes it: {"key": "string|null", "list?": ["number"]}. */
function shape(schema: JsonSchema): unknown {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) {
    const shapes = options.map(shape);
    return shapes.every((option) => typeof option === "string") ? shapes.join("|") : shapes;
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join("|");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return [shape(schema.items ?? {})];
  if (schema.properties === undefined) return schema.type ?? "unknown";
  const required = new Set(schema.required);
  return Object.fromEntries(
    Object.entries(schema.properties).map(([key, field]) => {
      const suffix = field.default === undefined ? (required.has(key) ? "" : "?") : ` = ${JSON.stringify(field.default)}`;
      return [`${key}${suffix}`, shape(field)];
    }),
  );
}

test("the command table", async () => {
  const table = COMMANDS.map(({ name, role, input, output }) => ({
    name,
    role,
    input: shape(z.toJSONSchema(input, { io: "input" }) as JsonSchema),
    output: shape(z.toJSONSchema(output) as JsonSchema),
  }));
  expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
  await expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot("golden/command-table.json");
});

test("commands that only read are those of the role monitor", () => {
  const monitor = COMMANDS.filter(({ role }) => role === "monitor").map(({ name }) => name);
  expect(monitor).toEqual([
    "status",
    "status.wait",
    "explain",
    "repset.list",
    "repset.show",
    "repset.size",
    "connection.list",
    "connection.show",
    "mirror.wait",
    "job.list",
    "job.show",
    "job.wait",
    "verify.schedule.show",
    "verify.scrub.show",
    "transmission.show",
    "schedule.preview",
    "tdu.report",
    "queue.show",
    "config.get",
    "config.export",
    "quarantine.list",
    "task.list",
    "task.show",
    "task.wait",
    "peer.list",
    "log.read",
    "log.wait",
    "command.list",
  ]);
});

test("the commands of the CLI with their arguments and flags", async () => {
  const config = await Config.load({ root: ROOT });
  const commands = config.commands
    .map((command) => ({
      command: command.id.replaceAll(":", " "),
      args: Object.values(command.args).map(({ name, required }) => (required ? name : `[${name}]`)),
      flags: Object.values(command.flags)
        .map((flag) => ({
          flag: flag.type === "boolean" && flag.allowNo ? `--[no-]${flag.name}` : `--${flag.name}`,
          ...(flag.type === "option" ? { value: flag.options?.join("|") ?? "text", ...(flag.multiple ? { multiple: true } : {}) } : {}),
          ...(flag.required ? { required: true } : {}),
          ...(flag.hidden ? { hidden: true } : {}),
        }))
        .sort((a, b) => (a.flag < b.flag ? -1 : 1)),
    }))
    .sort((a, b) => (a.command < b.command ? -1 : 1));
  await expect(`${JSON.stringify(commands, null, 2)}\n`).toMatchFileSnapshot("golden/cli-commands.json");
  for (const command of config.commands) {
    expect(command.examples?.length, command.id).toBeGreaterThan(0);
    expect(command.description, command.id).toBeTruthy();
  }
});

test("the examples of the help name commands and flags that exist", async () => {
  const config = await Config.load({ root: join(ROOT) });
  const ids = config.commands.map(({ id }) => id.replaceAll(":", " "));
  for (const command of config.commands) {
    for (const example of command.examples ?? []) {
      const text = String(example).replace(/^SM_HOME=\S+ /, "");
      const id = ids.filter((candidate) => text === `sm ${candidate}` || text.startsWith(`sm ${candidate} `)).sort((a, b) => b.length - a.length)[0];
      expect(id, text).toBe(command.id.replaceAll(":", " "));
      for (const [, flag] of (text.split("|")[0] ?? "").matchAll(/ --([a-z-]+)/g)) {
        expect(
          Object.keys(command.flags).flatMap((name) => [name, `no-${name}`]),
          text,
        ).toContain(flag);
      }
    }
  }
});
