import { GantryError, parseDatasetName } from '@gantry/common';
import { textOf, usage } from '../arguments.js';
import type { Command } from '../command.js';

export const schema: Command = {
  name: 'schema',
  summary:
    'JSON Schema of gantry.yaml, for editors; with --dataset csv:PATH, a description of its columns to begin from',
  options: ['dataset'],
  examples: [
    ['schema > gantry.schema.json', 'Then begin gantry.yaml with # yaml-language-server: $schema=…'],
    ['schema --dataset csv:iris.csv > iris.csv.schema.yaml', 'What each column is, to be looked through'],
  ],
  async run(args) {
    const dataset = textOf(args, 'dataset');
    process.stdout.write(dataset === undefined ? await configSchema() : await tableSchema(dataset));
    return 0;
  },
};

async function configSchema(): Promise<string> {
  const { configJsonSchema } = await import('@gantry/common/config');
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

async function tableSchema(dataset: string): Promise<string> {
  const name = parseDatasetName(dataset);
  if ('problem' in name) throw new GantryError('GANTRY_USAGE', `--dataset is ${dataset}, which ${name.problem}`);
  if (!('path' in name) || name.kind !== 'csv') {
    return usage(`--dataset is ${dataset}; columns are described of csv:PATH alone`);
  }
  const { proposeSchema } = await import('@gantry/data/table');
  return proposeSchema(name.path);
}
