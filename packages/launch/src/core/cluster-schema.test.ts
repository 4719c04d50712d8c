import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readCluster } from '../shell/read-cluster.js';
import { LAUNCHERS } from './cluster.js';
import { clusterJsonSchema } from './cluster-schema.js';

const DEPLOY = fileURLToPath(new URL('../../../../deploy/', import.meta.url));

it('is published as it is: deploy/cluster.schema.json', () => {
  const published = JSON.parse(readFileSync(join(DEPLOY, 'cluster.schema.json'), 'utf8')) as object;
  expect(published).toEqual(JSON.parse(JSON.stringify(clusterJsonSchema())));
});

const examples = LAUNCHERS.filter((launcher) => readdirSync(DEPLOY).includes(launcher));

it.each(examples)('has an example in deploy/ that is sound: %s', async (launcher) => {
  const cluster = await readCluster(join(DEPLOY, launcher, 'cluster.yaml'));
  expect(cluster.launcher).toBe(launcher);
});
