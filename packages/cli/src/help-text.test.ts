import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands/index.js';
import { optionText } from './help-text.js';
import { OPTIONS, type OptionName } from './options.js';

describe('optionText', () => {
  it.each<[string, OptionName, string]>([
    ['train', 'steps', 'Steps to train (default 10000)'],
    ['train', 'lease', '(default 1500ms)'],
    ['train', 'learning-rate', '(default by preset: mlp 0.001, mlp-plain 0.0002)'],
    ['train', 'engine', '(default onnx)'],
    ['train', 'transport', '(default: auto, which is shm on Linux'],
    ['train', 'out', '(default: runs/PRESET-N, or runs/MODEL-N)'],
    ['train', 'shards', 'equal shards have equal bits, however many workers (default: as many as workers)'],
    ['bench', 'steps', '(default 400)'],
    ['resume', 'out', 'Run directory (required)'],
    ['resume', 'workers', "Worker processes (default: the run's own)"],
    ['resume', 'shards', '(fixed since the run began)'],
    ['resume', 'device', 'another needs --resume-with-changes)'],
    ['status', 'out', 'Run directory (default: the one in runs/'],
    ['why', 'out', 'Run directory (default: the one in runs/'],
    ['generate', 'seed', 'Seed of the samples, not of the run (default 0)'],
    ['generate', 'count', 'Samples (default: 64)'],
  ])('%s --%s', (command, option, text) => {
    expect(optionText(command, option)).toContain(text);
  });

  it('tells the default of every option that takes a value', async () => {
    for (const entry of COMMANDS) {
      const { name, options } = await entry.load();
      for (const option of options) {
        if ('isSwitch' in OPTIONS[option]) continue;
        expect(optionText(name, option), `${name} --${option}`).toMatch(/\((default|required|fixed)/);
        expect(optionText(name, option)).not.toMatch(/undefined|null|NaN/);
      }
    }
  });
});
