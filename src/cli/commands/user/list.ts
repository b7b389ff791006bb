import { formatUserList } from "../../format/user-text.js";
import { SmCommand } from "../../sm-command.js";

export default class UserList extends SmCommand {
  static override description = "List the users who may use the API from other machines.";
  static override examples = ["sm user list"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(UserList);
    this.show(await this.api(flags).call("user.list", {}), flags, ({ users }) => formatUserList(users, Date.now()));
  }
}
