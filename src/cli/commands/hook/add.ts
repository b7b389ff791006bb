import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { HOOK_EVENTS, HOOK_TIMEOUT_SECONDS, HOOK_TIMEOUT_SECONDS_MAX, type Hook, type HookEvent } from "../../../model/hook.js";
import { formatHook } from "../../format/hook-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { SmCommand } from "../../sm-command.js";

export default class HookAdd extends SmCommand {
  static override description =
    "Have the source run a program when a mirror of a connection begins, is complete, or is stopped. No shell reads its path or arguments; " +
    "SM_HOOK, SM_EVENT, SM_CONNECTION, SM_SET, SM_PEER, SM_MIRROR, SM_MIRROR_KIND, SM_RESULT and the paths are in its environment. " +
    "It runs only if `source.hooks` is set, and from below `source.taskDirectory`.";
  static override examples = [
    "sm hook add 1 quiesce --event mirror-start --program /opt/sm-tasks/quiesce.sh --arg app --delay --timeout 5m --on-failure stop",
    "sm hook add 1 release --event mirror-complete --program /opt/sm-tasks/release.sh",
  ];
  static override args = {
    ...connectionArg,
    name: Args.string({ description: "what it is called, of letters, digits, dots, dashes and underscores", required: true }),
  };
  static override flags = {
    event: Flags.string({ description: "when it runs; mirror-stop: the mirror does not go on by itself", options: [...HOOK_EVENTS], required: true }),
    program: Flags.string({ description: "absolute path of the program", helpValue: "PATH", required: true }),
    arg: Flags.string({ description: "an argument of it (again for more)", multiple: true }),
    delay: Flags.boolean({ description: "a mirror of the connection begins when it has ended, and not before" }),
    timeout: Flags.string({ description: `how long it may take; it is ended then (default: ${HOOK_TIMEOUT_SECONDS}s)`, helpValue: "TIME" }),
    "on-failure": Flags.string({
      description: "of mirror-start with --delay: what becomes of the mirror when it does not end with 0 in its time",
      options: ["continue", "stop"],
      default: "continue",
    }),
    replace: Flags.boolean({ description: "take the place of another hook of that name" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(HookAdd);
    const result = await this.api(flags).call("hook.add", {
      id: parseConnectionId(args.conn),
      name: args.name,
      event: flags.event as HookEvent,
      program: { path: flags.program, args: flags.arg ?? [] },
      isDelaying: flags.delay,
      onFailure: flags["on-failure"] as Hook["onFailure"],
      ...(flags.timeout === undefined ? {} : { timeoutSeconds: parseTime(flags.timeout) }),
      isReplacing: flags.replace,
    });
    this.show(result, flags, ({ hook }) => formatHook(hook));
  }
}

function parseTime(text: string): number {
  const seconds = Math.ceil(parseDurationSeconds("--timeout", text));
  if (seconds < 1 || seconds > HOOK_TIMEOUT_SECONDS_MAX) throw new SmError("USAGE", "--timeout is at least 1s, and at most 1d");
  return seconds;
}
