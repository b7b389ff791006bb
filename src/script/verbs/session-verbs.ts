// Who, where and when: logging in, the machines that are worked on, the variables, the time.

import { SmError } from "../../base/errors.js";
import { findSource, isThisMachine, knownServer, resolveTarget } from "../machines.js";
import type { ScriptSession } from "../session.js";
import { integerValue, timeOfDay, today, valueText } from "../value.js";
import { done, OUTCOME_DONE, type Outcome, type Verb } from "../verb.js";
import { LOGIN_FORM } from "./login.js";

const selectSource: Verb = {
  words: ["SOURCE"],
  form: "<machine>",
  summary: "Selects the machine whose replication sets and connections the commands mean: the one that the script was given to, or a stored server.",
  parse(reader) {
    const machine = reader.text("a machine");
    return async (session) => {
      const name = machine(session);
      const port = await findSource(session, name);
      if (port === null) {
        throw new SmError(
          "SCRIPT_SOURCE",
          `${JSON.stringify(name.slice(0, 255))} is neither the machine of the agent that this script talks to nor a stored server`,
        );
      }
      // A machine whose agent does not answer, or lets nobody in, is no source.
      await port.call("status", {});
      session.moveTo(port);
      session.selectSource(name);
      return OUTCOME_DONE;
    };
  },
};

const selectTarget: Verb = {
  words: ["TARGET"],
  form: "<machine>",
  summary: "Selects the target: a peer by its name or address, or localhost.",
  parse(reader) {
    const machine = reader.text("a machine");
    return async (session) => {
      session.selectTarget(await resolveTarget(session, machine(session)));
      return OUTCOME_DONE;
    };
  },
};

const logout: Verb = {
  words: ["LOGOUT"],
  form: "<server>",
  summary: "Ends the selection of the machine as source and as target, and the login there.",
  parse(reader) {
    const server = reader.text("a server");
    return async (session) => {
      const known = knownServer(session, server(session));
      if (known !== null) session.logIn(known, null);
      if (known === session.port && known !== session.home) session.moveTo(session.asUser(session.home));
      else await deselect(session, server(session), known !== null);
      return OUTCOME_DONE;
    };
  },
};

async function deselect(session: ScriptSession, machine: string, isKnown: boolean): Promise<void> {
  try {
    const name = await resolveTarget(session, machine);
    if (await isThisMachine(session, name)) session.selectSource(null);
    if (session.target === name) session.selectTarget(null);
  } catch (error) {
    // A server that is no peer of this source was selected as neither.
    if (!isKnown || !(error instanceof SmError) || error.code !== "SCRIPT_TARGET") throw error;
  }
}

const ping: Verb = {
  words: ["PING"],
  form: "<machine>",
  summary: "Does the agent of the machine answer? Of a peer: as this agent found it last.",
  parse(reader) {
    const machine = reader.text("a machine");
    return async (session) => {
      const known = knownServer(session, machine(session));
      if (known !== null) {
        await session.asUser(known).call("ping", {});
        return OUTCOME_DONE;
      }
      const name = await resolveTarget(session, machine(session));
      const { peers } = await session.port.call("peer.list", {});
      const peer = peers.find((each) => each.name === name);
      if (peer?.reachable === null)
        throw new SmError("SCRIPT_TARGET", `the agent has not dialled ${name} since it was started: whether it answers is not known`);
      if (peer?.reachable === false) throw new SmError("SCRIPT_TARGET", `${name} does not answer`);
      return OUTCOME_DONE;
    };
  },
};

const environment: Verb = {
  words: ["ENVironment"],
  form: "",
  summary: "The variables and their values, the selected source and target.",
  parse: () => async (session) => {
    const rows = session.variables.list().map(({ name, value }): [string, string] => [`$${name}`, `${value.type.padEnd(9)}${valueText(value)}`]);
    const selected: [string, string][] = [
      ["source", session.source ?? "none"],
      ["target", session.target ?? "none"],
    ];
    return done(["- Environment -", ...[...selected, ...rows].map(([name, text]) => `${name.padEnd(34)}${text}`)]);
  },
};

async function version(session: ScriptSession): Promise<Outcome> {
  const { agent } = await session.port.call("status", {});
  return done([`sm ${agent.version}, agent ${agent.name}`]);
}

async function shutdown(session: ScriptSession): Promise<Outcome> {
  session.requireSource();
  const answer = await session.port.call("agent.stop", {});
  return done([], answer);
}

async function memory(session: ScriptSession): Promise<Outcome> {
  const { agent } = await session.port.call("status", {});
  return { ...done([`${"Memory in use, bytes:".padEnd(34)}${agent.memoryBytes}`]), value: integerValue(agent.memoryBytes) };
}

export const SESSION_VERBS: readonly Verb[] = [
  { words: ["LOGIN"], summary: "Logs in by a user's token as the password; the value is the access: 0 none, 1 monitor, 2 full.", ...LOGIN_FORM },
  { words: ["LOGON"], summary: "As LOGIN.", ...LOGIN_FORM },
  logout,
  selectSource,
  selectTarget,
  ping,
  environment,
  {
    words: ["DATE"],
    form: "",
    summary: "Today, as a value of the type date.",
    parse: () => async (session) => ({ value: today(session.now()), lines: [valueText(today(session.now()))] }),
  },
  {
    words: ["TIME"],
    form: "",
    summary: "The time of day, as a value of the type time.",
    parse: () => async (session) => ({ value: timeOfDay(session.now()), lines: [valueText(timeOfDay(session.now()))] }),
  },
  { words: ["VERSION"], form: "", summary: "The version of the agent.", parse: () => version },
  { words: ["MEMORY"], form: "", summary: "The memory that the agent uses, in bytes.", parse: () => memory },
  { words: ["SHUTDOWN"], form: "", summary: "Begins an orderly stop of the agent.", parse: () => shutdown },
];
