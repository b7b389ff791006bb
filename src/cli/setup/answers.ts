// What the set-up of a server has to know: from flags, or from whoever sits at the terminal.

import { SmError } from "../../base/errors.js";

export interface SetupAnswers {
  readonly siteName?: string | undefined;
  readonly listen?: string | undefined;
  readonly remoteUsers?: boolean | undefined;
  /** Empty = anywhere but system directories. */
  readonly allowedRoots?: readonly string[] | undefined;
  /** Whether the missing ones are made. */
  readonly groups?: boolean | undefined;
}

export interface SetupFacts {
  readonly hostname: string;
  /** Of the roles; none where no root asks. */
  readonly missingGroups: readonly string[];
  /** What the field takes, when it does not take this value; else undefined. */
  readonly fault: (key: string, value: unknown) => string | undefined;
}

/** One line from a person. */
export type Ask = (question: string) => Promise<string>;

const LISTEN = "127.0.0.1:1500";

/** Fields of sm.yaml, by key. What nobody said is left to the file. */
export function settingsOf({ siteName, listen, remoteUsers, allowedRoots }: SetupAnswers): Record<string, unknown> {
  const given = { "server.name": siteName, "server.listen": listen, "api.remote": remoteUsers, "target.allowedRoots": allowedRoots };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Where nobody can be asked: all that is not said is said to be missing. */
export function requireAnswers(answers: SetupAnswers, { missingGroups }: SetupFacts): void {
  const flags = [
    ...(answers.siteName === undefined ? ["--site-name NAME"] : []),
    ...(answers.listen === undefined ? ["--listen HOST:PORT"] : []),
    ...(answers.remoteUsers === undefined ? ["--[no-]remote-users"] : []),
    ...(answers.allowedRoots === undefined ? ["--allowed-root DIR"] : []),
    ...(answers.groups === undefined && missingGroups.length > 0 ? ["--[no-]groups"] : []),
  ];
  if (flags.length === 0) return;
  throw new SmError("USAGE", `there is no terminal, so nothing is asked: give ${flags.join(", ")}, or --yes for the defaults of what is not given`);
}

/** Asks for what the flags have not said; an empty answer is the default. */
export async function askAnswers(given: SetupAnswers, ask: Ask, facts: SetupFacts): Promise<SetupAnswers> {
  const siteName = given.siteName ?? (await askValue(ask, facts, { key: "server.name", text: "Name that peers know this server by", preset: facts.hostname }));
  const listen =
    given.listen ??
    (await askValue(ask, facts, {
      key: "server.listen",
      text: "Address to listen on, HOST:PORT; with the default no other machine reaches it",
      preset: LISTEN,
    }));
  const remoteUsers = given.remoteUsers ?? (await askYes(ask, "May users of `sm user` command this agent from other machines"));
  const allowedRoots = given.allowedRoots ?? (await askDirectories(ask, facts));
  const isAsked = given.groups === undefined && facts.missingGroups.length > 0;
  const groups = isAsked ? await askYes(ask, `Make the group ${facts.missingGroups.join(" and the group ")}, whose members may use the agent`) : given.groups;
  return { siteName, listen, remoteUsers, allowedRoots, groups };
}

interface Question {
  readonly key: string;
  readonly text: string;
  readonly preset: string;
}

async function askValue(ask: Ask, { fault }: SetupFacts, { key, text, preset }: Question): Promise<string> {
  for (let hint = ""; ; ) {
    const answer = (await ask(`${hint}${text} [${preset}]: `)).trim() || preset;
    const expected = fault(key, answer);
    if (expected === undefined) return answer;
    hint = `It takes ${expected}.\n`;
  }
}

export async function askYes(ask: Ask, text: string): Promise<boolean> {
  for (let hint = ""; ; hint = "Answer y or n.\n") {
    const answer = (await ask(`${hint}${text}? [Y/n]: `)).trim().toLowerCase();
    if (["", "y", "yes"].includes(answer)) return true;
    if (["n", "no"].includes(answer)) return false;
  }
}

async function askDirectories(ask: Ask, { fault }: SetupFacts): Promise<readonly string[]> {
  const directories: string[] = [];
  for (let hint = ""; ; ) {
    const text = directories.length === 0 ? "Directory that copies of paired sources may be put below [anywhere but system directories]" : "Another one [no]";
    const answer = (await ask(`${hint}${text}: `)).trim();
    if (answer === "") return directories;
    hint = fault("target.allowedRoots", [...directories, answer]) === undefined ? "" : 'It takes an absolute path without "..", "." or a trailing slash.\n';
    if (hint === "") directories.push(answer);
  }
}
