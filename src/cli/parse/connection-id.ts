import * as Args from "@oclif/core/args";
import { SmError } from "../../base/errors.js";

export function parseConnectionId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new SmError("USAGE", `CONN is ${JSON.stringify(text)}, but must be the number of a connection, as \`sm connection list\` shows it`);
}

export const connectionArg = { conn: Args.string({ name: "conn", description: "number of the connection (`sm connection list`)", required: true }) };
