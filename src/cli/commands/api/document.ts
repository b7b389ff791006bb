import { SmCommand } from "../../sm-command.js";

export default class ApiDocument extends SmCommand {
  static override description = "Print the description of the control API, as OpenAPI 3.1 (JSON): for editors, and for tools that generate clients.";
  static override examples = ["sm api document > sm-openapi.json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(ApiDocument);
    this.show(await this.api(flags).call("api.document", {}), flags, (document) => JSON.stringify(document, null, 2));
  }
}
