import { outputFlags, SmCommand } from "../sm-command.js";
import { serverFile } from "./server-choice.js";
import type { ServerFile } from "./server-file.js";

/** A command about the servers that this account has stored: no agent is meant, so no flag names one. */
export abstract class ServerCommand extends SmCommand {
  static override baseFlags = outputFlags as unknown as typeof SmCommand.baseFlags;

  protected file(): ServerFile {
    return serverFile(process.env);
  }
}
