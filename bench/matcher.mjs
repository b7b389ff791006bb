// Path decisions per second of RepsetMatcher in one thread, as a ratio to micromatch's own matchers on the same paths.
// Run after `npm run build`: node bench/matcher.mjs [paths]
import { performance } from "node:perf_hooks";
import micromatch from "micromatch";
import { RepsetMatcher } from "../dist/model/repset-matcher.js";

const count = Number(process.argv[2] ?? 1_000_000);
const EXTENSIONS = ["txt", "c", "h", "o", "log", "tmp", "db", "jpg", "pdf", "tar.gz", "swp", "html"];

let seed = 42;
const random = (n) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return (seed >>> 8) % n;
};

/** Paths as a walk gives them: directory by directory, 20 names each, 3 to 6 levels deep. */
function makePaths() {
  const paths = [];
  while (paths.length < count) {
    const directory = Array.from({ length: 3 + random(4) }, () => `dir${random(40)}`).join("/");
    for (let i = 0; i < 20 && paths.length < count; i++)
      paths.push(Buffer.from(`${directory}/file-${random(100000)}.${EXTENSIONS[random(EXTENSIONS.length)]}`, "latin1").toString("latin1"));
  }
  return paths;
}

function shuffled(paths) {
  const all = [...paths];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

const include = { path: "/srv/data", mode: "include", recursive: true };
const globs = [
  "*.tmp",
  "*.o",
  "*~",
  ".#*",
  "*.sw?",
  "core.[0-9]*",
  "*.{bak,old,orig}",
  "*.log.*",
  "cache*",
  "Thumbs.db",
  "*/lost+found",
  "**/node_modules/**",
  "dir1/*/*.log",
];
const twenty = [
  include,
  ...globs.map((glob) => ({ path: `/srv/data/${glob.startsWith("Thumbs") ? "Thumb?.db" : glob}`, mode: "exclude", recursive: true })),
  ...Array.from({ length: 7 }, (_, i) => ({ path: `/srv/data/dir${i}/dir${i + 1}`, mode: "exclude", recursive: true })),
];
const twoHundred = [
  ...twenty,
  ...Array.from({ length: 100 }, (_, i) => ({ path: `/srv/data/dir${i % 40}/sub${i}/*.x${i}`, mode: i % 2 ? "exclude" : "include", recursive: true })),
  ...Array.from({ length: 80 }, (_, i) => ({ path: `/srv/data/*.ext${i}`, mode: "exclude", recursive: true })),
].slice(0, 200);

function rate(name, decide, list) {
  let best = 0;
  let included = 0;
  for (let round = 0; round < 5; round++) {
    included = 0;
    const start = performance.now();
    for (const path of list) if (decide(path)) included += 1;
    best = Math.max(best, list.length / ((performance.now() - start) / 1000));
  }
  console.log(
    `${name.padEnd(46)} ${Math.round(best).toLocaleString("en").padStart(12)} decisions/s  (${Math.round((100 * included) / list.length)} % included)`,
  );
  return best;
}

const paths = makePaths();
for (const [name, rules] of [
  ["21 rules", twenty],
  ["200 rules", twoHundred],
]) {
  const matcher = new RepsetMatcher(rules, "/srv/data");
  const walk = rate(`${name}, directory by directory`, (path) => matcher.decide(path, false), paths);
  rate(`${name}, shuffled (views are evicted)`, (path) => matcher.decide(path, false), shuffled(paths));
  const excludes = rules.filter((rule) => rule.mode === "exclude").map((rule) => rule.path.slice("/srv/data/".length));
  const tests = excludes.map((glob) => micromatch.matcher(/\*\*|\//.test(glob) ? glob : `**/${glob}`, { dot: true, nonegate: true }));
  const peer = rate(`${name}, micromatch matchers in a loop`, (path) => !tests.some((isMatch) => isMatch(path)), paths.slice(0, 50_000));
  console.log(`${name}: ${(walk / peer).toFixed(1)} times the rate of micromatch in a loop`);
}
