import { usage } from '../arguments.js';
import type { Command } from '../command.js';
import { healthFile, healthOf } from '../health.js';

export const health: Command = {
  name: 'health',
  summary: 'Whether the coordinator or worker of this container is well, for health checks',
  options: [],
  examples: [
    ['health', 'Ends with 0 if the process that writes GANTRY_HEALTH_FILE did so in the last 30 s, else with 1'],
  ],
  async run() {
    const file = healthFile();
    if (file === undefined) usage('GANTRY_HEALTH_FILE is not set: give it to this command and to what it watches');
    const { healthy, text } = healthOf(file, Date.now());
    process.stdout.write(`${text}\n`);
    return healthy ? 0 : 1;
  },
};
