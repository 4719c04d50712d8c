// `npm run bench [-- train|machine|allreduce|start|network|scaling|containers|launchers|streaming …] [--rounds N] [--write]`: Gantry beside its peers, interleaved round by
// round since a machine's speed drifts, medians over the rounds. `--write` puts the tables into docs/benchmarks.md.
import { publish, round, table } from './document.mjs';
import * as measure from './measure.mjs';

const SIZES = [4096, 1_048_576, 2_240_516, 16_777_216, 67_108_864];
const TRAIN_CASES = [
  { workers: 1, batch: 128, steps: 400, target: 1.0 },
  { workers: 2, batch: 128, steps: 400, target: 2.0 },
  ...[64, 512, 2048].flatMap((batch) =>
    [1, 2, 3, 4].map((workers) => ({ workers, batch: batch - (batch % workers), steps: batch > 1000 ? 40 : 150 })),
  ),
  { workers: 3, batch: 126, steps: 150 },
  { workers: 4, batch: 128, steps: 150 },
];

const words = process.argv.slice(2);
const option = (name, fallback) => (words.includes(name) ? Number(words[words.indexOf(name) + 1]) : fallback);
const rounds = option('--rounds', 5);
/** Cases with a target are measured at least so often. */
const TARGET_ROUNDS_MIN = 5;
const chosen = words.filter((word) =>
  [
    'train',
    'headline',
    'machine',
    'allreduce',
    'start',
    'network',
    'scaling',
    'containers',
    'launchers',
    'streaming',
  ].includes(word),
);
const wants = (name) => chosen.length === 0 || chosen.includes(name);

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** One row: medians over interleaved rounds, and the median of the per-round ratios. */
function trainRow({ workers, batch, steps, target }, torch) {
  const own = [];
  const peer = [];
  const times = target ? Math.max(rounds, TARGET_ROUNDS_MIN) : rounds;
  for (let i = 0; i < times; i++) {
    own.push(measure.gantryTrain({ workers, batch, steps }));
    if (torch) peer.push(measure.torchTrain({ workers, batch, steps }));
  }
  const speed = measure.median(own.map((row) => row.imagesPerSecond));
  const ratios = peer.map((value, i) => own[i].imagesPerSecond / value);
  const split = Object.entries(own[times >> 1].phaseMs ?? {})
    .map(([name, ms]) => `${name} ${round(ms)}`)
    .join(', ');
  const ratio = torch ? measure.median(ratios) : undefined;
  say(
    `workers ${workers} batch ${batch}: ${round(speed, 0)} images/s, ratio ${round(ratio)} (${ratios.map((r) => round(r)).join(' ')}) ${split}`,
  );
  return [
    workers,
    batch,
    round(speed, 0),
    torch ? round(measure.median(peer), 0) : '–',
    round(ratio),
    target ? `≥ ${target}` : '',
    split,
  ];
}

function trainTable(cases) {
  const torch = measure.hasTorch();
  if (!torch) say('python3-torch is not installed: no peer');
  const head = ['workers', 'global batch', 'Gantry images/s', 'PyTorch images/s', 'ratio', 'target', 'ms a step'];
  return table(
    head,
    cases.map((one) => trainRow(one, torch)),
  );
}

/** What each makes of the whole machine at batch 128, however it divides it: PyTorch as its script stands, and with two ranks. */
function machineTable() {
  const two = { workers: 2, batch: 128, steps: 400 };
  const one = { ...two, workers: 1 };
  const contenders = [
    ['Gantry, 2 workers', () => measure.gantryTrain(two).imagesPerSecond],
    ['Gantry, 1 worker with 2 threads', () => measure.gantryTrain({ ...one, extra: ['--threads', 2] }).imagesPerSecond],
  ];
  if (measure.hasTorch())
    contenders.push(
      ['PyTorch, 1 process, OpenBLAS with every core', () => measure.torchTrain({ ...one, allCores: true })],
      ['PyTorch DDP + Gloo, 2 ranks of 1 thread', () => measure.torchTrain(two)],
    );
  const speeds = contenders.map(() => []);
  for (let i = 0; i < Math.max(rounds, TARGET_ROUNDS_MIN); i++) {
    for (const [index, [, run]] of contenders.entries()) speeds[index].push(run());
    say(`whole machine: ${speeds.map((values) => round(values.at(-1), 0)).join(' ')} images/s`);
  }
  const rows = contenders.map(([name], index) => {
    const ratio = measure.median(speeds[0].map((value, i) => value / speeds[index][i]));
    return [name, round(measure.median(speeds[index]), 0), round(ratio)];
  });
  return table(['contender', 'images/s', 'Gantry with 2 workers ÷ this'], rows);
}

/** A contender's medians per size over the rounds. */
function collect(results) {
  return SIZES.map((bytes) => measure.median(results.map((rows) => rows.find((row) => row.bytes === bytes).ms)));
}

function allreduceTable(transport) {
  const torch = measure.hasTorch();
  const mpi = measure.hasMpi();
  const runs = { own: [], gloo: [], mpi: [] };
  for (let i = 0; i < rounds; i++) {
    runs.own.push(measure.gantryAllreduce({ workers: 2, bytes: SIZES, transport }));
    if (torch) runs.gloo.push(measure.glooAllreduce({ workers: 2, bytes: SIZES }));
    if (mpi) runs.mpi.push(measure.mpiAllreduce({ workers: 2, bytes: SIZES, tcp: transport === 'tcp' }));
    say(`all-reduce ${transport}, round ${i + 1} of ${rounds}`);
  }
  const own = collect(runs.own);
  const gloo = torch ? collect(runs.gloo) : [];
  const open = mpi ? collect(runs.mpi) : [];
  const head = ['bytes', `Gantry ${transport} ms`, 'Gloo ms', 'OpenMPI ms', 'Gloo ÷ Gantry', 'OpenMPI ÷ Gantry'];
  const rows = SIZES.map((bytes, i) => [
    bytes,
    round(own[i], 3),
    round(gloo[i], 3),
    round(open[i], 3),
    round(gloo[i] / own[i]),
    round(open[i] / own[i]),
  ]);
  return table(head, rows);
}

function startTable() {
  const phases = ['started', 'joined', 'ready', 'firstStep'];
  const rows = [1, 2].map((workers) => {
    const runs = Array.from({ length: rounds }, () => measure.gantryStart({ workers }));
    say(`start, ${workers} workers: ${runs.map((run) => run.firstStep).join(' ')} ms`);
    return [workers, ...phases.map((phase) => measure.median(runs.map((run) => run[phase])))];
  });
  return table(
    ['workers', 'coordinator listens, ms', 'first worker joined', 'all ready', 'first step committed'],
    rows,
  );
}

const sections = {};
if (wants('headline') && !wants('train')) sections.headline = trainTable(TRAIN_CASES.slice(0, 2));
if (wants('train')) sections.train = trainTable(TRAIN_CASES);
if (wants('machine')) sections.machine = machineTable();
if (wants('allreduce')) {
  sections['allreduce-shm'] = allreduceTable('shm');
  sections['allreduce-tcp'] = allreduceTable('tcp');
}
if (wants('start')) sections.start = startTable();

publish(sections, rounds, words.includes('--write'));
for (const name of ['network', 'scaling', 'containers', 'launchers', 'streaming']) {
  if (wants(name)) measure.hosts(name, { rounds, write: words.includes('--write') });
}
