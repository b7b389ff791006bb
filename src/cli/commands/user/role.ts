import * as Args from "@oclif/core/args";
import type { UserRole } from "../../../model/user.js";
import { SmCommand } from "../../sm-command.js";

const roleArg = Args.custom<UserRole>({ options: ["none", "monitor", "admin"], parse: async (text) => text as UserRole });

export default class UserSetRole extends SmCommand {
  static override description = "Give a user another role, at once.";
  static override examples = ["sm user role grafana none"];
  static override args = {
    name: Args.string({ description: "name of the user", required: true }),
    role: roleArg({ description: "the new role", required: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(UserSetRole);
    this.show(await this.api(flags).call("user.role", { name: args.name, role: args.role }), flags, ({ user }) => `${user.name} has the role ${user.role}`);
  }
}
