// LOGIN: whoever gives the token of a user as the password is that user from then on, for this agent and this script. There are no
// other passwords: what else is given is not looked at, and the rights stay those of the account.

import { parseToken } from "../../base/access-token.js";
import { SmError } from "../../base/errors.js";
import type { ArgumentReader } from "../argument-reader.js";
import type { CommandPort } from "../command-port.js";
import { isThisMachine, knownServer, resolveTarget } from "../machines.js";
import type { ScriptSession } from "../session.js";
import { integerValue } from "../value.js";
import type { Action, Outcome } from "../verb.js";

/** A user, a password and a domain have at most so many characters; a token may have more. */
const CREDENTIAL_LENGTH_MAX = 100;
const ACCESS = ["DT_NO_ACCESS", "DT_MONITOR_ACCESS", "DT_FULL_ACCESS"] as const;
const ACCOUNT_NOTE =
  "the name and the password are not used: the password is no token of a user, and what a script may do is decided by the account that runs it";

function parseLogin(reader: ArgumentReader): Action {
  const server = reader.text("a server");
  const user = reader.text("a user name");
  const password = reader.text("a password");
  const domain = reader.isDone ? null : reader.text("a domain");
  return async (session) => {
    const [name, secret] = [user(session), password(session)];
    const token = parseToken(secret);
    const others = [name, domain?.(session) ?? "", ...(token === undefined ? [secret] : [])];
    if (others.some(({ length }) => length > CREDENTIAL_LENGTH_MAX)) {
      throw new SmError("SCRIPT_VALUE", `a user name, a password and a domain have at most ${CREDENTIAL_LENGTH_MAX} characters`);
    }
    if (token === undefined) return told(await accountLevel(session, server(session)), ACCOUNT_NOTE);
    if (name !== "" && name.toLowerCase() !== token.name.toLowerCase()) {
      throw new SmError("SCRIPT_VALUE", `the token is that of the user ${token.name}, not of ${JSON.stringify(name)}`);
    }
    return logIn(session, server(session), secret);
  };
}

export const LOGIN_FORM = { form: "<server> <username> <password> [<domain>]", parse: parseLogin };

/** Also after a refusal: what follows is refused as well, and not done with the rights of the account. */
async function logIn(session: ScriptSession, server: string, token: string): Promise<Outcome> {
  const base = await wayTo(session, server);
  if (base === null) return told(0, `there is no way to log in to ${server} from here: \`sm server add\` stores where it is, and its certificate`);
  const user = await base.withToken(token);
  if (user === null) return told(0, `the agent of ${server} does not tell this account where it can be logged in`);
  session.logIn(base, user);
  const level = levelOf(await user.role());
  return level === 0 ? told(0, `${server} refuses this token: commands to it are refused until LOGOUT`) : told(level);
}

/** By the way of the account, whoever logged in there before. */
async function wayTo(session: ScriptSession, server: string): Promise<CommandPort | null> {
  const known = knownServer(session, server);
  if (known !== null) return known;
  // What the agent calls itself is no name of another machine.
  return session.port === session.asUser(session.home) && (await isThisMachine(session, server)) ? session.home : null;
}

/** 0 none, 1 monitor, 2 full: of the account, on this machine; on a stored server that of its user; on a peer what can be done with it from here. */
async function accountLevel(session: ScriptSession, server: string): Promise<0 | 1 | 2> {
  const known = knownServer(session, server);
  if (known !== null) return levelOf(await session.asUser(known).role());
  const role = await session.port.role();
  if (role === null) return 0;
  try {
    await resolveTarget(session, server);
  } catch (error) {
    if (error instanceof SmError && error.code === "SCRIPT_TARGET") return 0;
    throw error;
  }
  return levelOf(role);
}

function levelOf(role: "admin" | "monitor" | null): 0 | 1 | 2 {
  if (role === null) return 0;
  return role === "admin" ? 2 : 1;
}

function told(level: 0 | 1 | 2, note?: string): Outcome {
  return { value: integerValue(level), lines: [`User access level set to ${ACCESS[level]}`], ...(note === undefined ? {} : { note }) };
}
