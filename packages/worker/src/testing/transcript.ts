import { type Assignment, type Message, UNMEASURED } from '@gantry/common';
import { initialWorker, stepWorker, type WorkerEffect, type WorkerEvent, type WorkerState } from '../core/lifecycle.js';

const SESSION = 'session-1';

const assignment = (generation: number, startUpdate: number): Assignment => ({
  kind: 'assignment',
  generation,
  members: [],
  sharedMemory: '',
  startUpdate,
  stateSha256: '',
  network: UNMEASURED,
});

function standing(fields: Readonly<Record<string, string>>) {
  const { endpoint = '', held = '0', update = '0' } = fields;
  return { dataEndpoint: endpoint, dataKey: '', heldGeneration: Number(held), heldUpdate: Number(update) };
}

/** One line of a transcript after `> `, as an event: a name and `key=value` pairs. */
function readEvent(line: string): WorkerEvent {
  const [name = '', ...words] = line.split(' ');
  const fields = Object.fromEntries(words.map((word) => word.split('=', 2) as [string, string]));
  const number = (key: string, otherwise: number): number => Number(fields[key] ?? otherwise);
  const message = (body: Message): WorkerEvent => ({ type: 'message', message: body });
  const code = 'GANTRY_WORKER_LOST';
  switch (name) {
    case 'welcome':
      return message({
        ...{ kind: 'welcome', worker: fields.name ?? 'w', session: SESSION, runConfigJson: '{}' },
        ...{ heartbeatMs: 250, leaseMs: 1500, modelPath: '' },
      });
    case 'refused':
      return message({ kind: 'refused', code: 'GANTRY_VERSION_MISMATCH', message: 'another version' });
    case 'assignment':
      return message(assignment(number('generation', 1), number('from', 0)));
    case 'start':
      return message({ kind: 'start', generation: number('generation', 1) });
    case 'stop':
      return message({ kind: 'stop', atUpdate: number('at', 0) });
    case 'abort':
      return message({ kind: 'abort', code, message: 'another worker is lost' });
    case 'bye':
      return message({ kind: 'bye' });
    case 'bound':
      return { type: 'bound', ...standing(fields) };
    case 'paused':
      return { type: 'paused', ...standing(fields) };
    case 'pause':
      return message({ kind: 'pause', generation: number('generation', 1) });
    case 'rejoin':
      return message({ kind: 'rejoin' });
    case 'wanted':
      return message({ kind: 'stateRequest', stateUpdate: number('update', 0) });
    case 'preparing':
      return { type: 'preparationBegun' };
    case 'prepared':
      return {
        type: 'prepared',
        report: {
          ...{
            programHash: 'p',
            stateSha256: 's',
            device: 'cpu',
            deviceReason: '',
            engine: 'onnx',
            threads: 1,
            stateLayoutJson: '',
            network: UNMEASURED,
            topology: '',
          },
        },
      };
    case 'trained':
      return { type: 'trained', atUpdate: number('at', 0), announce: fields.announce === 'yes' };
    case 'delivered':
      return { type: 'delivered', stateSha256: fields.sha ?? 's' };
    case 'fails':
      return { type: 'failed', code: 'GANTRY_NON_FINITE', message: 'a loss is not finite', detailsJson: '{}' };
    case 'silence':
      return { type: 'coordinatorLost', message: 'silent for 1500 ms', mayReturn: fields.return === 'yes' };
    case 'terminate':
      return { type: 'terminate' };
    default:
      throw new Error(`no event ${name}`);
  }
}

function writeEffect(effect: WorkerEffect): string {
  switch (effect.type) {
    case 'send':
      return `send ${writeMessage(effect.message)}`;
    case 'train':
      return `train from=${effect.startUpdate}`;
    case 'deliver':
      return `deliver at=${effect.atUpdate}`;
    case 'reconnect':
      return `reconnect former=${effect.formerSession}`;
    case 'sendState':
      return `sendState update=${effect.update}`;
    case 'exit':
      return `exit ${effect.code}${effect.error === null ? '' : ` ${effect.error.code}`}`;
    default:
      return effect.type;
  }
}

function heldOf({ heldGeneration, heldUpdate }: { heldGeneration: number; heldUpdate: number }): string {
  return heldGeneration === 0 ? '' : ` held=${heldGeneration} update=${heldUpdate}`;
}

function writeMessage(message: Message): string {
  switch (message.kind) {
    case 'joined':
      return `joined session=${message.session} endpoint=${message.dataEndpoint}${heldOf(message)}`;
    case 'paused':
      return `paused generation=${message.generation} endpoint=${message.dataEndpoint}${heldOf(message)}`;
    case 'ready':
      return `ready generation=${message.generation} session=${message.session}`;
    case 'stopped':
      return `stopped at=${message.atUpdate}`;
    case 'done':
      return `done at=${message.atUpdate} sha=${message.stateSha256}`;
    case 'failure':
      return `failure ${message.code}`;
    default:
      return message.kind;
  }
}

/** Replays the events of a transcript; returns it with the effects and phases that follow from them now. */
export function replay(text: string): string {
  let state: WorkerState = initialWorker('w');
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) lines.push(line);
    if (!line.startsWith('> ')) continue;
    lines.push(line);
    try {
      const before = state.phase;
      const step = stepWorker(state, readEvent(line.slice(2)));
      state = step.state;
      lines.push(...step.effects.map((effect) => `< ${writeEffect(effect)}`));
      if (state.phase !== before) lines.push(`= ${state.phase}`);
    } catch (error) {
      lines.push(`! ${(error as Error).message}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
