import * as Args from "@oclif/core/args";
import { SmError } from "../../../base/errors.js";
import type { AgentApi } from "../../agent-api.js";
import { VALUE_KINDS, type ValueKind } from "../../completion/value-kinds.js";
import { SmCommand } from "../../sm-command.js";

/** Whoever pressed a key waits for it. */
const ASK = { deadlineMs: 800 } as const;

export default class CompletionValues extends SmCommand {
  static override description = "Print what this agent knows of a kind, one a line, for the completion of a shell. Nothing when it does not answer at once.";
  static override examples = ["sm completion values sets"];
  static override hidden = true;
  static override args = { kind: Args.string({ description: "what is asked for", options: [...VALUE_KINDS], required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(CompletionValues);
    const values = await valuesOf(this.api(flags), args.kind as ValueKind);
    if (flags.json || values.length > 0) this.show({ values }, flags, () => values.join("\n"));
  }
}

async function valuesOf(api: AgentApi, kind: ValueKind): Promise<readonly string[]> {
  try {
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
  } catch (error) {
    if (error instanceof SmError) return [];
    throw error;
  }
}
