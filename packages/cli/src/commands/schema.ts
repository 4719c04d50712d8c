import type { Command } from '../command.js';

export const schema: Command = {
  name: 'schema',
  summary: 'JSON Schema of gantry.yaml, for editors',
  options: [],
  examples: [['schema > gantry.schema.json', 'Then begin gantry.yaml with # yaml-language-server: $schema=…']],
  async run() {
    const { configJsonSchema } = await import('@gantry/common/config');
    process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return 0;
  },
};
