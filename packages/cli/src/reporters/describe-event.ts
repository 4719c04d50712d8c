import type { RunEvent } from '@gantry/coordinator';
import { count, duration, loss, percent, rate, shortHash } from '../formats/numbers.js';
import type { ProgressEvent } from './reporter.js';

/** One sentence a happening, for people; undefined: nothing to say (progress has a form of its own). */
export function describeEvent(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'start':
      return describeStart(event);
    case 'joined':
      return undefined;
    case 'ready':
      return describeReady(event);
    case 'checkpoint':
      return `checkpoint  step ${count(event.step)}  ${event.path}`;
    case 'sample':
      return `samples     step ${count(event.step)}  ${event.path}`;
    case 'worker-lost':
      return `worker lost: ${event.worker} on ${event.host}, last heard of at update ${event.update} while ${event.phase}: ${event.reason}`;
    case 'replica-diverged':
      return describeDivergence(event);
    case 'data-streamed':
      return `data        ${event.worker} on ${event.host} gets it from this coordinator: ${event.reason}`;
    case 'warning':
      return `warning: ${event.message}`;
    case 'done':
      return describeDone(event);
    default:
      return undefined;
  }
}

function describeStart(event: Extract<RunEvent, { event: 'start' }>): string {
  const { preset, model, dataset, workers, shards, batch, steps, fromStep, runDirectory } = event;
  const from = fromStep > 0 ? `, going on after step ${count(fromStep)}` : '';
  if (fromStep === steps) {
    return `all done    ${model ?? preset}: ${count(fromStep)} of ${count(steps)} steps; --steps N trains longer\nrun         ${runDirectory}`;
  }
  const people = `${workers} worker${workers === 1 ? '' : 's'}, ${shards} shard${shards === 1 ? '' : 's'}`;
  return `training    ${model ?? preset} on ${dataset}: ${people}, batch ${batch}, ${count(steps)} steps${from}\nrun         ${runDirectory}`;
}

function describeDivergence(event: Extract<RunEvent, { event: 'replica-diverged' }>): string {
  const { worker, host, update, verifiedUpdate, outvoted, backTo, removed } = event;
  const who = outvoted
    ? `${worker} on ${host} holds another state than most others`
    : `the state of ${worker} on ${host} may be the wrong one`;
  const done = removed ? `; ${worker} is removed, for it was not the first time: check that machine's memory` : '';
  const where = backTo === 0 ? 'the beginning' : `update ${backTo}`;
  return `replica diverged: ${who} after update ${update} (equal up to ${verifiedUpdate}); everybody goes back to ${where}${done}`;
}

function describeReady(event: Extract<RunEvent, { event: 'ready' }>): string {
  if (event.generation > 1) {
    const workers = event.members.filter(({ hub }) => !hub).map(({ worker, shards }) => `${worker} (${shards.length})`);
    return `regrouped   from update ${count(event.update)}, shards: ${workers.join(', ')}${describeNetwork(event.network)}`;
  }
  const kinds = new Map<string, number>();
  const reasons = new Set<string>();
  for (const { device, deviceReason, hub } of event.members) {
    const kind = hub ? `${device} (hub)` : device;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (deviceReason !== '') reasons.add(`\ndevice      ${device}: ${deviceReason}`);
  }
  const parts = [...kinds].map(([kind, number]) => `${number} × ${kind}`);
  return `ready       ${parts.join('; ')}, after ${(event.startupMs / 1000).toFixed(1)} s${[...reasons].join('')}${describeNetwork(event.network)}`;
}

function describeNetwork(network: Extract<RunEvent, { event: 'ready' }>['network']): string {
  if (network === null) return '';
  const { topology, hosts, latencyMs, megabitsPerSecond } = network;
  return `\ntopology    ${topology}: ${hosts} hosts, ${latencyMs.toFixed(2)} ms, ${count(megabitsPerSecond)} Mbit/s`;
}

function describeDone(event: Extract<RunEvent, { event: 'done' }>): string {
  const { step, imagesPerSecond, stateSha256, checkpoint, interrupted } = event;
  const what = interrupted ? 'stopped' : 'done';
  return `${what.padEnd(12)}step ${count(step)}, ${rate(imagesPerSecond)}, state ${shortHash(stateSha256)}, ${checkpoint}`;
}

/** The numbers of a progress event, as a plain line. */
export function describeProgress(event: ProgressEvent): string {
  const left = event.etaSeconds === null ? '' : `  ${duration(event.etaSeconds)} left`;
  return [
    `step ${count(event.step)}/${count(event.steps)}`,
    rate(event.imagesPerSecond),
    `D ${loss(event.discriminatorLoss)}  G ${loss(event.generatorLoss)}`,
    `D right on ${percent(event.accuracyReal)} real, ${percent(event.accuracyFake)} fake${left}`,
  ].join('  ');
}
