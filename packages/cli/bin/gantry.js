#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  const { main: run } = await import(main.href);
  await run(process.argv.slice(2));
} else {
  console.error('gantry: not built yet. Run `npm run build` at the root of the repository, then this again.');
  process.exitCode = 1;
}
