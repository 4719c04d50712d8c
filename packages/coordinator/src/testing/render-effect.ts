import type { Envelope, LinkCosts } from '@gantry/common';
import type { Effect } from '../core/events.js';
import type { NetworkSummary } from '../core/run-events.js';

/** An effect as a line of a transcript. */
export function renderEffect(effect: Effect): string[] {
  switch (effect.type) {
    case 'send':
      return [`< send ${effect.worker} ${renderMessage(effect.envelope)}`];
    case 'journal':
      return [
        `< journal generation=${effect.record.generation} checkpoint=${effect.record.checkpoint?.update ?? 'none'}${effect.record.distrusted > 0 ? ` distrusted=${effect.record.distrusted}` : ''}`,
      ];
    case 'sendState':
      return [`< send-state ${effect.worker}`];
    case 'relayState':
      return [`< relay update=${effect.update} to ${effect.peers.map(({ worker }) => worker).join()}`];
    case 'readCheckpoint':
      return ['< read-checkpoint'];
    case 'rewindMetrics':
      return [`< rewind-metrics step=${effect.step}`];
    case 'killWorker':
      return [`< kill ${effect.worker}`];
    case 'startWorker':
      return [`< start ${effect.worker} attempt=${effect.attempt} in ${effect.delayMs} ms`];
    case 'storeChunk':
      return [`< store update=${effect.update} bytes=${effect.offset}-${effect.offset + effect.data.length}`];
    case 'saveCheckpoint':
      return [`< save update=${effect.update} step=${effect.step}`];
    case 'dropStates':
      return [`< drop-states updates=${effect.updates.join()}`];
    case 'deleteCheckpoints':
      return [`< delete steps=${effect.steps.join()}`];
    case 'metrics':
      return [`< metrics step=${effect.row.step} d=${effect.row.discriminatorLoss} penalty=${effect.row.penalty}`];
    case 'sample':
      return ['< sample'];
    case 'log':
      return [`< log ${effect.message}`];
    case 'emit':
      return [`< emit ${renderEvent(effect.event)}`];
    case 'end': {
      if ('error' in effect.outcome) return [`< end ${effect.outcome.error.code}`];
      const { step: atStep, update, interrupted, imagesPerSecond } = effect.outcome.result;
      return [
        `< end step=${atStep} update=${update} interrupted=${interrupted} imagesPerSecond=${Math.round(imagesPerSecond)}`,
      ];
    }
  }
}

function renderMessage({ generation, body }: Envelope): string {
  switch (body.kind) {
    case 'welcome':
      return `welcome name=${body.worker} heartbeat=${body.heartbeatMs}`;
    case 'assignment': {
      const members = body.members
        .map(({ worker, shards, hub, place }) => `${worker}:${hub ? 'hub' : shards.join()}:${place}`)
        .join(' ');
      return `assignment generation=${generation} [${members}] memory=${body.sharedMemory} from=${body.startUpdate}${renderNetwork(body.network)}`;
    }
    case 'stateReceived':
      return `stateReceived update=${body.stateUpdate}`;
    case 'stop':
      return `stop at=${body.atUpdate}`;
    case 'refused':
      return `refused ${body.code}: ${body.message}`;
    case 'abort':
      return `abort ${body.code}`;
    default:
      return body.kind;
  }
}

function renderNetwork({ latencyUs, kilobytesPerSecond }: LinkCosts): string {
  return latencyUs === 0 ? '' : ` network=${latencyUs}us,${kilobytesPerSecond}kBps`;
}

function chosen(network: NetworkSummary | null): string {
  return network === null ? '' : ` topology=${network.topology} hosts=${network.hosts}`;
}

function renderEvent(event: Extract<Effect, { type: 'emit' }>['event']): string {
  switch (event.event) {
    case 'progress':
      return `progress step=${event.step} imagesPerSecond=${Math.round(event.imagesPerSecond)}`;
    case 'error':
      return `error ${event.code}: ${event.message}`;
    case 'worker-lost':
      return `worker-lost ${event.worker} update=${event.update} phase=${event.phase}: ${event.reason}`;
    case 'replica-diverged': {
      const { worker, update, verifiedUpdate, outvoted, backTo, removed } = event;
      return `replica-diverged ${worker} update=${update} verified=${verifiedUpdate} outvoted=${outvoted} back-to=${backTo} removed=${removed}`;
    }
    case 'ready':
      return `ready generation=${event.generation} ${event.members.map(({ worker }) => worker).join()}${chosen(event.network)}`;
    case 'checkpoint':
      return `checkpoint step=${event.step}`;
    case 'joined':
      return `joined ${event.worker}`;
    default:
      return event.event;
  }
}
