import type { Topology } from '@gantry/common';
import { round } from './document.mjs';
import { type Costs, type Needs, needsOf, predict } from './scaling-model.js';

/** One worker's step in milliseconds, of preset `mlp`. */
export interface StepParts {
  /** Loading and gradients, an image. */
  readonly msPerImage: number;
  /** Of the same, whatever the batch. */
  readonly msFixed: number;
  readonly msUpdate: number;
}

export interface Curve {
  readonly model: string;
  readonly gigabits: number;
  readonly topology: Topology;
  /** By {@link HOSTS}: milliseconds a step. */
  readonly ms: readonly number[];
}

export interface Scaling {
  readonly step: StepParts;
  readonly curves: readonly Curve[];
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export const HOSTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const TABLE_HOSTS = [1, 4, 16, 64, 256, 1024];
const TOPOLOGIES = ['direct', 'halving', 'star'] as const;
const GIGABITS = [1, 10, 100];
/** Images a host and step: the more hosts, the larger the global batch. */
const BATCH = 64;
const FLOAT_BYTES = 4;
/** Parameters of D and G. */
const MLP = { name: 'mlp', floats: [267_009, 293_136] };
const LARGE = { name: '100 M parameters', floats: [50_000_000, 50_000_000] };
const MODELS = [MLP, LARGE];

/** The step on up to 1,024 hosts like the measured one, on networks of several speeds. */
export function scalingOf(step: StepParts, stack: Costs): Scaling {
  const curves = MODELS.flatMap((model) =>
    GIGABITS.flatMap((gigabits) =>
      TOPOLOGIES.map((topology): Curve => {
        const ms = HOSTS.map((hosts) => stepMs(step, model, { hosts, topology, costs: onLink(stack, gigabits) }));
        return { model: model.name, gigabits, topology, ms };
      }),
    ),
  );
  const head = [
    'model',
    'network',
    'topology',
    ...TABLE_HOSTS.map((hosts) => `${hosts} hosts, ms`),
    `images/s of ${TABLE_HOSTS.at(-1)} hosts`,
    'efficiency',
  ];
  const rows = curves.map(({ model, gigabits, topology, ms }) => {
    const last = ms.at(-1)!;
    const shown = TABLE_HOSTS.map((hosts) => round(ms[HOSTS.indexOf(hosts)]!, 1));
    const speed = (HOSTS.at(-1)! * BATCH * 1000) / last;
    return [model, `${gigabits} Gbit/s`, topology, ...shown, round(speed, 0), `${round((100 * ms[0]!) / last, 0)} %`];
  });
  return { step, curves, head, rows };
}

/** A faster link than the stack can feed is of no use. */
function onLink(stack: Costs, gigabits: number): Costs {
  return { ...stack, byteMs: Math.max(stack.byteMs, (8 / gigabits) * 1e-6) };
}

const known = new Map<string, Needs>();
function needs(topology: Topology, hosts: number, bytes: number): Needs {
  const key = `${topology} ${hosts} ${bytes}`;
  const found = known.get(key) ?? needsOf(topology, hosts, bytes);
  known.set(key, found);
  return found;
}

function stepMs(
  step: StepParts,
  model: typeof MLP,
  { hosts, topology, costs }: { hosts: number; topology: Topology; costs: Costs },
): number {
  const total = (of: typeof MLP): number => of.floats.reduce((sum, floats) => sum + floats, 0);
  const size = total(model) / total(MLP);
  const own = size * (step.msPerImage * BATCH + step.msFixed + step.msUpdate);
  if (hosts === 1) return own;
  return (
    own + model.floats.reduce((sum, floats) => sum + predict(needs(topology, hosts, floats * FLOAT_BYTES), costs), 0)
  );
}

const WIDTH = 900;
const PANEL = { width: 370, height: 300, top: 60, left: 70, apart: 440 };
const COLORS: Readonly<Record<string, string>> = { direct: '#1f77b4', halving: '#2ca02c', star: '#d62728' };
const DASHES: Readonly<Record<number, string>> = { 1: '2 3', 10: '7 4', 100: 'none' };

/** Milliseconds a step over hosts, both axes by powers: one panel a model. */
export function drawScaling({ curves }: Scaling): string {
  const panels = MODELS.map(({ name }, index) =>
    drawPanel(
      name,
      curves.filter(({ model }) => model === name),
      PANEL.left + index * PANEL.apart,
    ),
  );
  const height = PANEL.top + PANEL.height + 90;
  const style = 'font-family="sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ${style}>
<title>Milliseconds a step over hosts, by topology and network</title>
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
${legend(PANEL.top + PANEL.height + 62)}
</svg>
`;
}

function drawPanel(title: string, curves: readonly Curve[], left: number): string {
  const values = curves.flatMap(({ ms }) => ms);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  const x = (hosts: number): number => left + (Math.log2(hosts) / Math.log2(HOSTS.at(-1)!)) * PANEL.width;
  const y = (ms: number): number => PANEL.top + PANEL.height * (1 - (Math.log10(ms) - low) / (high - low));
  const bottom = PANEL.top + PANEL.height;
  const parts = [`<text x="${left}" y="${PANEL.top - 22}" font-size="15" font-weight="bold">${title}</text>`];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power).toFixed(1);
    parts.push(`<line x1="${left}" x2="${left + PANEL.width}" y1="${at}" y2="${at}" stroke="#ddd"/>`);
    parts.push(
      `<text x="${left - 8}" y="${Number(at) + 4}" text-anchor="end">${(10 ** power).toLocaleString('en')}</text>`,
    );
  }
  for (const hosts of HOSTS.filter((_, index) => index % 2 === 0)) {
    parts.push(`<text x="${x(hosts).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${hosts}</text>`);
  }
  parts.push(`<text x="${left + PANEL.width / 2}" y="${bottom + 38}" text-anchor="middle">hosts</text>`);
  parts.push(`<text x="${left}" y="${PANEL.top - 6}">ms a step, ${BATCH} images a host</text>`);
  for (const { topology, gigabits, ms } of curves) {
    const points = ms.map((value, index) => `${x(HOSTS[index]!).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    parts.push(
      `<polyline points="${points}" fill="none" stroke="${COLORS[topology]}" stroke-width="2" stroke-dasharray="${DASHES[gigabits]}"/>`,
    );
  }
  return parts.join('\n');
}

function legend(y: number): string {
  const entries = [
    ...TOPOLOGIES.map((topology) => ({ text: topology, color: COLORS[topology]!, dash: 'none' })),
    ...GIGABITS.map((gigabits) => ({ text: `${gigabits} Gbit/s`, color: '#555', dash: DASHES[gigabits]! })),
  ];
  return entries
    .map(({ text, color, dash }, index) => {
      const at = PANEL.left + index * 130;
      return `<line x1="${at}" x2="${at + 34}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${at + 40}" y="${y + 4}">${text}</text>`;
    })
    .join('\n');
}
