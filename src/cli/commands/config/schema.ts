import * as Args from "@oclif/core/args";
import { SmCommand } from "../../sm-command.js";

type SchemaName = "sm" | "repset" | "connection";

export default class ConfigSchema extends SmCommand {
  static override description = "Print the JSON Schema of a kind of file, for editors: sm (sm.yaml), repset (repsets.d) or connection (connections.d).";
  static override examples = ["sm config schema", "sm config schema connection"];
  static override args = {
    kind: Args.string({ description: "kind of file", options: ["sm", "repset", "connection"], default: "sm" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigSchema);
    const { jsonSchemaOf } = await import("../../../config/json-schemas.js");
    this.show(jsonSchemaOf(args.kind as SchemaName), flags, (schema) => JSON.stringify(schema, null, 2));
  }
}
