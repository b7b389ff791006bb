// The commands of the language against the real command table and an agent that keeps everything in memory.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { JobReport } from "../../src/model/job.js";
import { completeLine } from "../../src/script/completion.js";
import { syntaxLine } from "../../src/script/keyword.js";
import { VariableTable } from "../../src/script/variables.js";
import { ABSENT_VERBS } from "../../src/script/verbs/absent-verbs.js";
import { PRESENT_VERBS } from "../../src/script/vocabulary.js";
import { connectionReport, idleMirror, MemoryAgentControl } from "../support/memory-agent-control.js";
import { ScriptKit } from "../support/script-kit.js";

const SINCE = "2026-01-02T03:04:05.000Z";

/** Two connections of the set "home" to beta; the source is selected. */
async function connectedKit(): Promise<ScriptKit> {
  const kit = new ScriptKit();
  await kit.pair("beta");
  await kit.agent.repsets.create("home", [{ path: "/home", mode: "include", recursive: true }]);
  await kit.run('source localhost\nconnect home to beta map "/home" to "/a"\nconnect home to beta map "/home" to "/b"');
  kit.port.calls.length = 0;
  kit.agent.calls.length = 0;
  return kit;
}

describe("the session of the field", () => {
  test("prints what it always printed", async () => {
    const kit = new ScriptKit();
    await kit.pair("10.0.0.2");
    const before = await kit.run(
      [
        'logon 10.0.0.2 admin "********"',
        'logon localhost admin "********"',
        "source localhost",
        "target 10.0.0.2",
        "repset create newrep",
        'repset rule add "d:\\" include to newrep',
        'repset rule add "d:\\DoubleTake" exclude to newrep',
        "repset save",
        "repset list",
        "connect newrep to 10.0.0.2 map exact",
      ].join("\n"),
    );
    expect(before.failures).toEqual([]);
    expect(before.output).toBe(
      [
        "  User access level set to DT_FULL_ACCESS",
        "  User access level set to DT_FULL_ACCESS",
        "  - List of rep sets -",
        "  newrep                                              disabled",
        "",
      ].join("\n"),
    );
    const connection = await kit.agent.connections.show(1);
    kit.agent.setConnection({
      ...connection,
      connectedSince: new Date(2015, 7, 17, 13, 59, 7, 473).toISOString(),
      targetDataState: "Mirror Required",
      sentReplicationBytes: 2040,
      sentCompressedReplicationBytes: 2040,
    });
    const status = await kit.run("status con 1");
    expect(status.output).toBe(
      [
        "  - Status for connection 1 -",
        "  Time established:                 08/17/2015 13:59:07.473",
        "  Replication set:                  newrep",
        "  Target machine:                   10.0.0.2",
        "  Target state:                     Mirror Required",
        "  Mirror bytes transferred:         0",
        "  Mirror bytes transmitted:         0",
        "  Mirror bytes in queue:            0",
        "  Replication bytes transferred:    2040",
        "  Replication bytes transmitted:    2040",
        "  Replication bytes in queue:       0",
        "",
      ].join("\n"),
    );
    expect((await kit.run("repset list")).output).toContain("\n  newrep                                              enabled\n");
  });

  test("a status that is not fine says why", async () => {
    const kit = await connectedKit();
    const reason = { code: "CHANNEL_LOST", message: "no link", object: "peer beta", since: SINCE, next: "tried again", nextAt: null, command: null };
    kit.agent.setConnection(connectionReport({ id: 1, connectedSince: null, reasons: [reason] }));
    const { output } = await kit.run("STAT CON 1");
    expect(output).toContain("  Time established:                 not connected\n");
    expect(output).toContain("  Reason:                           CHANNEL_LOST: no link; tried again\n");
  });

  test("commands that need a source fail with -104 without one", async () => {
    for (const command of ["disconnect 1", "repset list", "mirror start 1", "limit bandwidth 1, 1 to b", "set QmemoryBufferMax = 5", "waitonmirror 1"]) {
      expect((await new ScriptKit().run(command)).failures, command).toEqual(["1:1 -104 SCRIPT_NO_SOURCE"]);
    }
  });

  test("LOGIN tells the access of the account: 2, 1, or 0 where the machine is not known", async () => {
    const monitor = new ScriptKit({ role: "monitor" });
    expect(await monitor.value("login localhost a b")).toBe(1);
    expect((await monitor.run("login localhost a b domain")).output).toBe("  User access level set to DT_MONITOR_ACCESS\n");
    expect(await new ScriptKit().value("$a = login nowhere a b")).toBe(0);
    expect((await new ScriptKit().run(`login localhost ${"a".repeat(101)} b`)).failures).toEqual(["1:1 -101 SCRIPT_VALUE"]);
  });

  test("SOURCE is this machine, TARGET a machine that the agent knows", async () => {
    const kit = new ScriptKit();
    await kit.pair("beta");
    expect((await kit.run("source elsewhere")).failures).toEqual(["1:1 -103 SCRIPT_SOURCE"]);
    expect((await kit.run("target nobody")).failures).toEqual(["1:1 -105 SCRIPT_TARGET"]);
    for (const [machine, target] of [
      ["alpha", "localhost"],
      ["BETA", "beta"],
      ["10.0.0.2", "beta"],
      ["10.0.0.2:1500", "beta"],
    ]) {
      await kit.run(`source ALPHA\ntarget ${machine}`);
      expect([kit.session.source, kit.session.target]).toEqual(["ALPHA", target]);
    }
    await kit.pair("gamma");
    expect((await kit.run("target 10.0.0.2")).reports[0]?.error?.message).toContain("beta or gamma");
    await kit.run("logout localhost\nlogout gamma");
    expect(kit.session.source).toBeNull();
    expect((await kit.run("ping beta\nping localhost")).exitCode).toBe(0);
  });
});

describe("replication sets are drafts until they are saved", () => {
  test("create, change, display, save, and what is not saved cannot be connected", async () => {
    const kit = new ScriptKit();
    await kit.pair("beta");
    await kit.run('source localhost\nreps create s\nreps rule add "/srv" include nonrecursive to s');
    expect(await kit.agent.repsets.list()).toEqual([]);
    expect((await kit.run("reps list\nreps display s")).output).toBe(
      `  - List of rep sets -\n  ${"s".padEnd(52)}not saved\n  - Rules of s, not saved -\n  INCLUDE NONRECURSIVE  "/srv"\n`,
    );
    expect((await kit.run("connect s to beta map exact")).failures).toEqual(["1:1 -101 SCRIPT_VALUE"]);
    expect((await kit.run("reps create s")).failures).toEqual(["1:1 -1 ALREADY_EXISTS"]);
    await kit.run("repset save s");
    expect(await kit.agent.repsets.show("s")).toEqual({ name: "s", generation: 1, rules: [{ path: "/srv", mode: "include", recursive: false }] });
    await kit.run('repset rule add "/srv" include recursive to s\nrepset rule add "/srv/x" exclude to s\nrepset rule add "/opt" include to s');
    await kit.run('repset rule remove "/srv" from s\nrepset save');
    expect((await kit.agent.repsets.show("s")).rules).toEqual([
      { path: "/srv/x", mode: "exclude", recursive: true },
      { path: "/opt", mode: "include", recursive: true },
    ]);
    expect(kit.session.drafts.size).toBe(0);
  });

  test("what somebody else saved meanwhile is not overwritten", async () => {
    const kit = await connectedKit();
    await kit.run('repset rule add "/opt" include to home');
    await kit.agent.repsets.addRule("home", { path: "/srv", mode: "include", recursive: true });
    expect((await kit.run("repset save")).failures).toEqual(["1:1 -1 REPSET_GENERATION"]);
    expect(kit.session.drafts.has("home")).toBe(true);
    expect((await kit.agent.repsets.show("home")).rules).toHaveLength(2);
  });

  test("calculate, copy, rename, delete", async () => {
    const kit = await connectedKit();
    const { output } = await kit.run("repset calculate home\nrepset copy home to two\nrepset rename two to three\nrepset delete home");
    expect(output).toContain(`  ${"Bytes:".padEnd(34)}4096\n`);
    expect((await kit.agent.repsets.list()).map(({ name }) => name)).toEqual(["three"]);
    expect((await kit.run("repset delete home")).failures).toEqual(["1:1 -101 NOT_FOUND"]);
  });
});

describe("what a command asks of the agent", () => {
  const cases: readonly (readonly [script: string, ...calls: readonly (readonly [string, unknown])[]])[] = [
    ["$id = 1\ndisconnect $id", ["connection.disconnect", { id: 1 }]],
    ["disconnect *", ["connection.disconnect", { id: 1 }], ["connection.disconnect", { id: 2 }]],
    ["mirror start 1", ["mirror.start", { id: 1, mode: "difference", content: "times", newerOnly: false }]],
    ["mirror start 1 overwrite always", ["mirror.start", { id: 1, mode: "difference", content: "times", newerOnly: false }]],
    ["mirror start 1 overwrite older", ["mirror.start", { id: 1, mode: "difference", content: "times", newerOnly: true }]],
    ["mirror start 1 overwrite never", ["mirror.start", { id: 1, mode: "difference", content: "times", newerOnly: false, missingOnly: true }]],
    ["MIRR START 1 FULL", ["mirror.start", { id: 1, mode: "full", content: "times", newerOnly: false }]],
    [
      'mirror start 1 different checksum newer path "/home/a" path "/home/b"',
      ["mirror.start", { id: 1, mode: "difference", content: "checksum", newerOnly: true, paths: ["/home/a", "/home/b"] }],
    ],
    ["mirror stop *", ["mirror.stop", { id: 1 }], ["mirror.stop", { id: 2 }]],
    ["mirror pause 1", ["mirror.pause", { id: 1 }]],
    ["mirror resume *", ["mirror.resume", { id: 1 }], ["mirror.resume", { id: 2 }]],
    ["verify 1", ["verify.start", { id: 1, content: "times", repair: "no" }]],
    ["verify 2 checksum all sync newer", ["verify.start", { id: 2, content: "all", repair: "newer" }]],
    [
      'orphans start 1 move "/attic" older 2 hours excluded confirm dryrun',
      ["orphans.start", { id: 1, action: "move", to: "/attic", olderThanMs: 7_200_000, includesExcluded: true, isConfirmed: true, isDryRun: true }],
    ],
    [
      'restore home from beta newer checksum orphans report bandwidth 10MiB path "/home/a"',
      [
        "restore.start",
        {
          ...{ repset: "home", from: "beta", to: null, overwrite: "newer", checksum: true, orphans: "report", paths: ["/home/a"] },
          bytesPerSecond: 10_485_760,
        },
      ],
    ],
    [
      "restore home from localhost to 10.0.0.2",
      [
        "restore.start",
        { repset: "home", from: "alpha", to: "beta", overwrite: "always", checksum: false, orphans: "keep", paths: null, bytesPerSecond: null },
      ],
    ],
    ["restore stop home", ["restore.stop", { repset: "home" }]],
    [
      "limit bandwidth 19300, 5 to beta",
      ["transmission.limit", { id: 1, rate: { bytesPerSecond: 3860 } }],
      ["transmission.limit", { id: 2, rate: { bytesPerSecond: 3860 } }],
    ],
    ["limit bandwidth off to 10.0.0.2", ["transmission.unlimit", { id: 1 }], ["transmission.unlimit", { id: 2 }]],
    [
      "schedule beta start starttime = 12/31/27 22:00 every 2 days queuesize = 5000 memlimit = 50",
      ...[1, 2].map(
        (id) =>
          ["transmission.schedule", { id, change: { startAt: "2027-12-31 22:00:00", everyMs: 172_800_000, queueBytes: 5000, queuePercent: 50 } }] as const,
      ),
    ],
    ["schedule beta start queuesize = 5000", ...[1, 2].map((id) => ["transmission.schedule", { id, change: { queueBytes: 5000 } }] as const)],
    [
      "sched beta stop timelimit = 30 minutes bytes = 9",
      ...[1, 2].map((id) => ["transmission.schedule", { id, change: { stopAfterMs: 1_800_000, stopAfterBytes: 9 } }] as const),
    ],
    [
      "schedule beta window 9:00 to 17:30",
      ...[1, 2].map((id) => ["transmission.schedule", { id, change: { window: { open: "09:00", close: "17:30" } } }] as const),
    ],
    ["schedule beta clear", ...[1, 2].map((id) => ["transmission.schedule", { id, change: null }] as const)],
    ["schedule beta disable", ...[1, 2].map((id) => ["transmission.schedule", { id, change: { enabled: false } }] as const)],
    ["target beta\ntransmission pause", ["transmission.pause", { id: 1 }], ["transmission.pause", { id: 2 }]],
    ["transmission start beta", ["transmission.start", { id: 1 }], ["transmission.start", { id: 2 }]],
    ["transmission resume beta", ["transmission.resume", { id: 1 }], ["transmission.resume", { id: 2 }]],
    ["transmission stop beta", ["transmission.stop", { id: 1 }], ["transmission.stop", { id: 2 }]],
    ["compression enable level 2 to beta", ...[1, 2].map((id) => ["connection.set", { id, options: { compression: "brotli" } }] as const)],
    ["compression disable to beta", ...[1, 2].map((id) => ["connection.set", { id, options: { compression: "off" } }] as const)],
    ["replication stop 1", ["replication.stop", { id: 1 }]],
    ["repl start *", ["replication.start", { id: 1, mirror: true }], ["replication.start", { id: 2, mirror: true }]],
    ["replication start 2 nomirror", ["replication.start", { id: 2, mirror: false }]],
    ["pause target", ["target.pause", {}]],
    ["resume target localhost", ["target.resume", {}]],
    ["set QMemoryBufferMax = 256", ["queue.set", { memoryMiB: 256 }]],
    ["set qjournalspacemax = 4294967295", ["queue.set", { diskMiB: null }]],
    ['call connection.guard {"id": 1} guard = 20', ["connection.guard", { id: 1, guard: 20 }]],
    [
      'call transmission.limit id = 1 rate = {"percent": 2, "linkBitsPerSecond": 8000000}',
      ["transmission.limit", { id: 1, rate: { percent: 2, linkBitsPerSecond: 8_000_000 } }],
    ],
    [
      'call orphans.start id = 1 olderThanMs = null isDryRun = true action = "report"',
      ["orphans.start", { id: 1, olderThanMs: null, isDryRun: true, action: "report" }],
    ],
    ["waitonqueue 1", ["connection.sync", { id: 1, timeoutMs: 86_400_000, endsWhenStuck: true }]],
    ["waitonqueue 1 timeout 2 minutes", ["connection.sync", { id: 1, timeoutMs: 120_000 }]],
    ["shutdown", ["agent.stop", {}]],
  ];

  const LOOKS = new Set(["peer.list", "status", "connection.list", "repset.show"]);

  test.each(cases.map(([script, ...calls]) => ({ script, calls })))("$script", async ({ script, calls }) => {
    const kit = await connectedKit();
    const { failures } = await kit.run(script);
    expect(failures).toEqual([]);
    expect(kit.port.calls.filter(([name]) => !LOOKS.has(name))).toEqual(calls);
  });

  test("CONNECT takes maps, mirror, replication and compression, and gives the number of the connection", async () => {
    const kit = await connectedKit();
    expect(await kit.value('$c = connect home to "beta" map "/home" to "/x", "/srv" to "/y" map /opt to /z nomirror noreplicate compression lz4')).toBe(3);
    expect(kit.port.calls.at(-1)).toEqual([
      "connection.connect",
      {
        repset: "home",
        target: "beta",
        map: {
          kind: "pairs",
          pairs: [
            { source: "/home", target: "/x" },
            { source: "/srv", target: "/y" },
            { source: "/opt", target: "/z" },
          ],
        },
        options: { mirror: "none", replicate: false, compression: "lz4" },
      },
    ]);
    await kit.run("connect home to beta map base /backup mirror full");
    expect(kit.port.calls.at(-1)).toMatchObject(["connection.connect", { map: { kind: "base", directory: "/backup" }, options: { mirror: "full" } }]);
  });

  test("CONNECT TO TDU simulates; what it does not use is said", async () => {
    const kit = await connectedKit();
    const { reports } = await kit.run("connect home to TDU compression lz4\nconnect home to tdu map c:\\userdata to e:\\backup");
    const input = { repset: "home", target: "tdu", map: { kind: "none" } };
    expect(kit.port.calls).toEqual([
      ["connection.connect", { ...input, options: { compression: "lz4" } }],
      ["connection.connect", { ...input, options: {} }],
    ]);
    expect(reports.map(({ outcome }) => outcome.note)).toEqual([
      "simulation: nothing is stored anywhere",
      "simulation: nothing is stored anywhere; what stands behind MAP is not used",
    ]);
  });

  test("STATUS lists the connections, MEMORY gives a figure, and jobs are stopped by their connection", async () => {
    const kit = await connectedKit();
    expect((await kit.run("status")).output).toBe(`  - Connections -\n  ${"1  home to beta".padEnd(34)}OK\n  ${"2  home to beta".padEnd(34)}OK\n`);
    expect(await kit.value("memory")).toBe(83_886_080);
    await kit.run("verify 1\norphans start 1");
    const [orphans, verify] = await kit.agent.jobs.list(1);
    const stopped: number[] = [];
    kit.agent.jobs.list = async () => [
      // A round goes on: the agent refuses to stop it, but with its scrub.
      { ...(verify?.kind === "verify" ? verify : orphans), id: 3, startedBy: "scrub", status: "Waiting" } as JobReport,
      { ...verify, id: 1, status: "Running" } as JobReport,
      { ...orphans, id: 2, status: "Running" } as JobReport,
    ];
    kit.agent.jobs.stop = async (id) => {
      stopped.push(id);
      return kit.agent.jobs.show(id);
    };
    expect((await kit.run("verify stop 1\norphans stop 1")).failures).toEqual([]);
    expect(stopped).toEqual(verify?.kind === "verify" ? [1, 2] : [2, 1]);
  });

  test("GET reads a setting; one that is none, or none here, fails", async () => {
    const kit = await connectedKit();
    expect(await kit.value("get qmemorybuffermax")).toBe(128);
    expect(await kit.value("get QJournalSpaceMax")).toBe(4_294_967_295);
    expect((await kit.run("get QJournalDir")).output).toBe(`  ${"QJournalDir".padEnd(34)}/queue\n`);
    expect((await kit.run("get MirrorChunkSize")).failures).toEqual(["1:1 -1 SCRIPT_NO_COUNTERPART"]);
    expect((await kit.run("set Nonsense = 1")).failures).toEqual(["1:1 -101 SCRIPT_VALUE"]);
    expect((await kit.run("set QJournalDir = 1")).failures).toEqual(["1:1 -101 SCRIPT_VALUE"]);
  });

  test.each([
    ["disconnect 0", "1:12 -101 SCRIPT_VALUE"],
    ["disconnect x", "1:12 -101 SCRIPT_VALUE"],
    ["disconnect", "1:11 -102 SCRIPT_SYNTAX"],
    ["disconnect 1 2", "1:14 -102 SCRIPT_SYNTAX"],
    ["mirror start 1 full newer", "1:21 -101 SCRIPT_VALUE"],
    ["connect home to beta", "1:21 -102 SCRIPT_SYNTAX"],
    ["connect home to beta map exact map exact", "1:36 -102 SCRIPT_SYNTAX"],
    ["connect home to tdu figures.sts", "1:1 -1 SCRIPT_NO_COUNTERPART"],
    ["schedule beta start every 5 minutes", "1:27 -102 SCRIPT_SYNTAX"],
    ["limit bandwidth 5 to beta", "1:19 -102 SCRIPT_SYNTAX"],
    ["limit bandwidth 5, 1 to gamma", "1:1 -105 SCRIPT_TARGET"],
    ["limit bandwidth 5, 1 to beta", "1:1 -101 USAGE"],
    ["schedule beta window 25:00 to 26:00", "1:1 -101 SCRIPT_VALUE"],
    ["pause target beta", "1:1 -105 SCRIPT_TARGET"],
    ["disconnect 7", "1:1 -101 NOT_FOUND"],
    ["call no.such", "1:1 -102 COMMAND_UNKNOWN"],
    ["call ../status", "1:1 -101 SCRIPT_VALUE"],
    ['call connection.show {"id": 1} id = 2', "1:1 -101 SCRIPT_VALUE"],
    ["call connection.show id = 1 giving nothing", "1:1 -101 SCRIPT_VALUE"],
    ["call connection.show idd = 1", "1:1 -101 USAGE"],
    ["unload target", "1:1 -1 SCRIPT_NO_COUNTERPART"],
  ])("%s fails: %s", async (script, failure) => {
    const { failures, exitCode } = await (await connectedKit()).run(script);
    expect(failures).toEqual([failure]);
    expect(exitCode).toBe(2);
  });
});

describe("waiting", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("WAITONMIRROR returns when the mirror is done", async () => {
    const kit = new ScriptKit({ agent: new MemoryAgentControl({ mirrorEnds: null }) });
    kit.agent.setConnection(connectionReport({ id: 1, targetDataState: "Mirroring", mirror: idleMirror({ id: 4, outcome: "running" }) }));
    const waiting = kit.run("source localhost\nwaitonmirror 1\nwrite 1");
    setTimeout(() => {
      kit.agent.setConnection(connectionReport({ id: 1 }));
      kit.agent.endMirror(1, { outcome: "done" });
    }, 30);
    expect(await waiting).toMatchObject({ failures: [], output: "1\n" });
  });

  test("and fails when a mirror is still owed, however the last one ended", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const kit = await connectedKit();
    const reason = { code: "MIRROR_REQUIRED", message: "2 files were left alone", object: "", since: SINCE, next: "by hand", nextAt: null, command: null };
    kit.agent.setConnection(
      connectionReport({ id: 1, state: "streaming", targetDataState: "Mirror Required", mirror: idleMirror({ outcome: "done" }), reasons: [reason] }),
    );
    const waiting = kit.run("waitonmirror 1");
    await vi.advanceTimersByTimeAsync(60_000);
    const { failures, exitCode, reports } = await waiting;
    expect(failures).toEqual(["1:1 -1 DONE_WITH_PROBLEMS"]);
    expect(exitCode).toBe(5);
    expect(reports[0]?.error?.message).toContain("2 files were left alone");
  });

  test("WAIT waits for as long as it says, also beyond what a timer can", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    let isOver = false;
    const waiting = new ScriptKit().run("wait 30 days").then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(29.9 * 86_400_000);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(0.2 * 86_400_000);
    await waiting;
  });

  test("what only mirrors is done with its mirror", async () => {
    const kit = await connectedKit();
    const mirror = idleMirror({ outcome: "done" });
    kit.agent.setConnection(connectionReport({ id: 1, state: "streaming", targetDataState: "Mirror Required", replicationStatus: "Stopped", mirror }));
    expect((await kit.run("waitonmirror 1")).failures).toEqual([]);
  });

  test("a limit of time: TIMEOUT, with the exit code of what goes on", async () => {
    const kit = await connectedKit();
    kit.agent.setConnection(connectionReport({ id: 1, state: "connecting", targetDataState: "Mirror Required" }));
    expect(await kit.run("waitonmirror 1 timeout 0")).toMatchObject({ failures: ["1:1 -1 TIMEOUT"], exitCode: 6 });
  });

  test("WAITONRESTORE tells of what a copy may lack, and fails where something could not be brought", async () => {
    const kit = await connectedKit();
    await kit.run("$r = restore home from beta");
    const job = await kit.agent.jobs.show(9);
    if (job.kind !== "restore") throw new Error("no restore");
    kit.agent.jobs.wait = async () => ({ ...job, restore: { ...job.restore, doubt: "it was full" } });
    expect((await kit.run("waitonrestore $r")).reports[0]?.outcome.note).toContain("it was full");
    kit.agent.jobs.wait = async () => ({ ...job, restore: { ...job.restore, counts: { ...job.restore.counts, problems: 2 } } });
    expect((await kit.run("waitonrestore $r")).failures).toEqual(["1:1 -1 DONE_WITH_PROBLEMS"]);
  });

  test("WAITONJOB fails where something is left", async () => {
    const kit = await connectedKit();
    expect((await kit.run("$job = verify 1\nwaitonjob $job")).failures).toEqual([]);
    const job = await kit.agent.jobs.show(1);
    kit.agent.jobs.wait = async () => ({ ...job, ...(job.kind === "verify" ? { verify: { ...job.verify, differences: 3 } } : {}) }) as typeof job;
    const run = await kit.run("waitonjob 1");
    expect(run).toMatchObject({ failures: ["1:1 -1 DONE_WITH_PROBLEMS"], exitCode: 5 });
    expect(run.reports[0]?.error?.message).toContain("3 paths");
  });
});

describe("the generic form", () => {
  test("reaches every command of the table, by the name that HELP CALL shows", async () => {
    const kit = await connectedKit();
    const { output } = await kit.run("help call\nhelp call mirror.start\n$s = call connection.show id = 1 giving connection.state\nwrite $s");
    for (const name of ["status", "peer.bootstrap.create", "quarantine.drop", "command.list"]) expect(output).toMatch(new RegExp(`^ {2}${name} `, "m"));
    expect(output).toContain('  CALL mirror.start {"id": integer, "mode"?: "full"|"difference", ');
    expect(output.endsWith("replicating\n")).toBe(true);
  });

  test("variables stand in JSON, too", async () => {
    const kit = await connectedKit();
    await kit.run('$id = 2\n$to = "/attic"\ncall orphans.start {"id": $id, "to": $to,\n  "action": "move", "isDryRun": true}\n');
    expect(kit.port.calls).toEqual([["orphans.start", { id: 2, to: "/attic", action: "move", isDryRun: true }]]);
  });
});

describe("help, completion and the document", () => {
  test("HELP names every command; HELP of one its forms", async () => {
    const { output } = await new ScriptKit().run("help");
    for (const verb of PRESENT_VERBS) expect(output).toContain(`  ${syntaxLine(verb)}\n`);
    expect((await new ScriptKit().run("help repset rule")).output.match(/^ {2}REPSet RULE/gm)).toHaveLength(2);
    expect((await new ScriptKit().run("help chdir")).output).toContain("Has no counterpart here");
    expect((await new ScriptKit().run("help nonsense")).failures).toEqual(["1:1 -101 SCRIPT_VALUE"]);
  });

  test("docs/command-language.md has every command and its form", () => {
    const text = readFileSync(new URL("../../docs/command-language.md", import.meta.url), "utf8").replaceAll("\\|", "|");
    for (const verb of [...PRESENT_VERBS, ...ABSENT_VERBS]) expect(text, syntaxLine(verb)).toContain(`\`${syntaxLine(verb)}\``);
  });

  test.each([
    ["reps", ["REPSET"]],
    ["REPSET R", ["RENAME", "RULE"]],
    ["repset rule ", ["ADD", "REMOVE"]],
    ["if $con > 0 then discon", ["DISCONNECT"]],
    ["$x = conn", ["CONNECT"]],
    ["call mirror.st", ["mirror.start", "mirror.stop"]],
    ["write $e", ["$error"]],
    ["help waiton", ["WAITONJOB", "WAITONMIRROR", "WAITONQUEUE", "WAITONRESTORE"]],
    ["nonsense ", []],
  ])("%s is completed", (line, words) => {
    const sources = { variables: new VariableTable(), commandNames: ["mirror.start", "mirror.stop", "status"] };
    expect(completeLine(line, sources)).toEqual({ words, fragment: /\S*$/.exec(line)?.[0] });
  });
});
