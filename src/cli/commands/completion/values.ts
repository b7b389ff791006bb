import * as Args from "@oclif/core/args";
import { SmError } from "../../../base/errors.js";
import type { AgentApi } from "../../agent-api.js";
import { VALUE_KINDS, type ValueKind } from "../../completion/value-kinds.js";
import { serverFile } from "../../servers/server-choice.js";
import { THIS_SERVER } from "../../servers/server-entry.js";
import { SmCommand } from "../../sm-command.js";

/** Whoever pressed a key waits for it. */
const ASK = { deadlineMs: 800 } as const;

export default class CompletionValues extends SmCommand {
  static override description =
    "Print what this agent knows of a kind, or the servers that this account has stored, one a line, for the completion of a shell. Nothing when it does not answer at once.";
  static override examples = ["sm completion values sets"];
  static override hidden = true;
  static override args = { kind: Args.string({ description: "what is asked for", options: [...VALUE_KINDS], required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(CompletionValues);
    const kind = args.kind as ValueKind;
    const values = await quietly(async () => (kind === "servers" ? storedServers() : valuesOf(this.api(flags), kind)));
    if (flags.json || values.length > 0) this.show({ values }, flags, () => values.join("\n"));
  }
}

/** Asks nobody. */
function storedServers(): readonly string[] {
  return [
    THIS_SERVER,
    ...serverFile(process.env)
      .read()
      .servers.map(({ name }) => name),
  ];
}

async function valuesOf(api: AgentApi, kind: Exclude<ValueKind, "servers">): Promise<readonly string[]> {
  switch (kind) {
    case "sets":
      return (await api.call("repset.list", {}, ASK)).repsets.map(({ name }) => name);
    case "connections":
      return (await api.call("connection.list", {}, ASK)).connections.map(({ id }) => String(id));
    case "peers":
      return (await api.call("peer.list", {}, ASK)).peers.map(({ name }) => name);
    case "jobs":
      return (await api.call("job.list", {}, ASK)).jobs.map(({ id }) => String(id));
  }
}

/** What cannot be known is nothing, and no error on the line that is being typed. */
async function quietly(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof SmError) return [];
    throw error;
  }
}
