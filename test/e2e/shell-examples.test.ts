// The examples of the help that are more than one command, read a terminal, go on until Ctrl-C, or say where they are: by a shell, as
// they stand.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { UserToken } from "../../src/model/user.js";
import { pairAgents, runCli } from "../support/agent-process.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { ExampleStage } from "../support/example-stage.js";

/** /etc/group and the programs that write it, of a mount namespace of its own. */
const OWN_SYSTEM = 'mount -t tmpfs none /mnt && cp -a /etc/. /mnt && mount --bind /mnt /etc && exec "$@"';
/** For mount namespaces. */
const isRoot = process.getuid?.() === 0;
const CTRL_C = "\x03";
const CTRL_D = "\x04";

test("pairing and sets through ssh; what is below this directory; what an agent is doing, until Ctrl-C", async () => {
  const stage = new ExampleStage();
  const [beta, alpha] = [await stage.start("beta"), await stage.start("alpha")];
  const run = (example: string) => stage.run(alpha.home, example);
  await stage.shell(beta.home, "sm peer bootstrap create --site-name beta | ssh alpha sm peer bootstrap import -");
  const token = await runCli(alpha.home, ["peer", "bootstrap", "create", "--site-name", "alpha"]);
  stage.plant("token", token.stdout);
  const other = await stage.start("other");
  await stage.shell(other.home, "sm peer bootstrap import - --site-name alpha < token");
  await other.stop();

  const [home, copy] = [stage.make("home"), join(stage.directory, "backup")];
  stage.plant("home/letter", "dear");
  await run("sm repset create home --include /home --exclude '**/*.tmp'");
  await stage.shell(alpha.home, "sm repset export home | ssh beta sm repset import -");
  const sets = await stage.run(beta.home, "sm repset export");
  expect(sets.stdout).toContain(home);
  stage.plant("sets.yaml", sets.stdout);
  await stage.shell(beta.home, "sm repset import sets.yaml");
  await stage.run(beta.home, "sm repset import - < sets.yaml", { input: sets.stdout });
  await stage.run(beta.home, "sm repset rename home homes");

  await run("sm connect home beta --map /home=/backup/home");
  await run("sm sync 1");
  await expectEqualTrees(home, join(copy, "home"));
  stage.plant("cache", "not in the set");
  expect((await stage.shell(alpha.home, "sm explain ./cache --json")).stdout).toContain(join(stage.directory, "cache"));
  expect((await stage.shell(alpha.home, "sm diagnostics")).stdout).toContain(stage.directory);
  const [counted] = await Promise.all([
    stage.shell(alpha.home, "sm stats --interval 1s --count 5 --json"),
    stage.watched(alpha.home, "sm stats 1 --interval 5s", /beta/),
    stage.terminal(alpha.home, "sm status 1 --watch", [[/beta/, CTRL_C]]),
  ]);
  expect(counted.stdout.trim().split("\n")).toHaveLength(5);
  const following = stage.watched(alpha.home, "sm log --follow --level warn", /beta/);
  await beta.stop();
  await following;
  await stage.run(alpha.home, "sm connect home localhost --base /backup --compression lz4 --json");
  await run("sm agent stop --timeout 2m");
  expect((await alpha.exited).code).toBe(0);
});

test.runIf(isRoot)("a target that is to look exactly like the source", async () => {
  const stage = new ExampleStage();
  const [home, copy] = [stage.make("home"), stage.make("home-of-beta")];
  stage.plant("home/letter", "dear");
  // On a machine of its own that directory is another one.
  const beta = await stage.start("beta", { prefix: ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', copy, home] });
  const alpha = await stage.start("alpha");
  await pairAgents(alpha, beta, "beta");
  await stage.run(alpha.home, "sm repset create home --include /home --exclude '**/*.tmp'");
  await stage.run(alpha.home, "sm connect home beta --exact --mirror full");
  await stage.run(alpha.home, "sm sync 1");
  await expectEqualTrees(home, copy);
});

test("scripts, the shell of the command language, and the agent of another machine", async () => {
  const stage = new ExampleStage();
  const files1 = await stage.start("files1");
  stage.place("10.0.0.2:1500", files1.ready.listen);
  stage.place("files1:1500", files1.ready.listen);
  const { token, serverFingerprint } = await files1.json<UserToken>(["user", "create", "ops", "--role", "admin"]);
  stage.place("FINGERPRINT", serverFingerprint);
  stage.plant("ops.token", token);
  stage.plant("setup.sm", 'source localhost\nrepset create web\nrepset rule add "/srv" include to web\nrepset save\nrepset list\n');
  const away = stage.home("account");

  await stage.shell(away, "sm server add files1 --address files1:1500 --fingerprint FINGERPRINT --user ops < ops.token");
  await stage.run(away, "sm server show files1");
  await stage.run(away, "sm server default files1");
  await stage.run(away, "sm server remove files1");
  await stage.terminal(away, "sm server add files1 --address 10.0.0.2:1500", [
    [/Is it the same\?/, "yes\r"],
    [/Token .*: /, `${token}\r`],
  ]);
  await stage.shell(away, "sm run --server files1 setup.sm");
  await stage.terminal(away, "sm shell --server files1", [
    [/Command:/, "source localhost\r"],
    [/localhost.*Command:/s, "repset list\r"],
    [/web/, CTRL_D],
  ]);
  await stage.run(files1.home, "sm repset list");
  await stage.terminal(files1.home, "sm shell", [
    [/Command:/, "source localhost\r"],
    [/localhost.*Command:/s, "repset delete web\r"],
    [/delete web.*Command:/s, CTRL_D],
  ]);
  await stage.shell(files1.home, "sm run setup.sm");
  stage.plant("setup.sm", "source localhost\nrepset list\n");
  await stage.shell(files1.home, "sm run setup.sm --on-error continue --timeout 15m --json");
  await stage.shell(files1.home, "sm run - < setup.sm");
});

test.runIf(isRoot)("a server is set up, and its agent started; two directories", async () => {
  const stage = new ExampleStage();
  const own = ["unshare", "-m", "sh", "-c", OWN_SYSTEM, "sh"];
  const [asked, told] = [stage.home("asked"), stage.home("told")];
  await stage.shell(asked, "sm setup --yes --dry-run");
  await stage.terminal(asked, "sm setup", [
    [/Name that peers .*: /, "\r"],
    [/Address to listen .*: /, "127.0.0.1:0\r"],
    [/from other machines.*: /, "\r"],
    [/be put below .*: /, "\r"],
    [/Make the group .*: /, "n\r"],
    [/Write .*: /, "\r"],
  ]);
  expect(existsSync(join(asked, "etc", "sm.yaml"))).toBe(true);
  await stage.shell(told, "sm setup --site-name B --listen 10.0.0.2:1500 --allowed-root /srv/copies --groups --yes", { prefix: own });
  expect(readFileSync(join(told, "etc", "sm.yaml"), "utf8")).toContain("10.0.0.2:1500");
  await stage.watched(asked, "sm agent run", /ready/);
  await stage.watched(asked, "SM_HOME=/tmp/sm sm agent run --listen 127.0.0.1:0 --json", /"ready":true/);

  stage.plant("srv/data/file", "content");
  stage.plant("a/file", "content");
  await stage.watched(asked, "sm replicate /srv/data /backup/data", /mirror done: 1 files/);
  await stage.watched(asked, "sm replicate ./a ./b --json", /"outcome":"done"/);
  await expectEqualTrees(stage.home("a"), stage.home("b"));
  await expectEqualTrees(join(stage.directory, "srv", "data"), join(stage.directory, "backup", "data"));
});
