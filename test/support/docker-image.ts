import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandOptions, outputOf, succeeds } from './command.js';
import type { Docker } from './docker.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const NAME = 'gantry-test';
/** Debian's release of the official images that the Dockerfile begins from. */
const SUITE = 'bookworm';
/** What the image is made of besides packages/; .dockerignore says the same to Docker. */
const INPUTS = [
  'deploy/Dockerfile',
  'deploy/prune-modules.mjs',
  'package.json',
  'package-lock.json',
  '.npmrc',
  '.dockerignore',
  'tsconfig.json',
  'tsconfig.base.json',
];
/** Of a package, what makes no difference to the image. */
const LEFT_OUT = /^(dist|node_modules)$|\.test\.ts$/;
/** Older ones of other contents make room on our own daemon. */
const KEPT_IMAGES = 3;
const KEPT_CACHE = '4GB';
const PULL_MS = 300_000;
/** Nobody needs it to run: the documents, and lists that age. */
const UNWANTED = [
  'proc/*',
  'sys/*',
  'var/cache/apt/*',
  'var/lib/apt/lists/*',
  'debootstrap',
  ...['doc', 'man', 'locale'].map((name) => `usr/share/${name}/*`),
];

interface Bases {
  /** Node and npm, which build. */
  readonly node: string;
  /** What runs. */
  readonly base: string;
}

/**
 * The image of this working tree, from the Dockerfile that users take; built once for each content.
 * @throws Error with the end of the build's output.
 */
export async function buildImage(docker: Docker): Promise<string> {
  const bases = await baseImages(docker);
  const tag = `${NAME}:${contentHash(bases)}`;
  if (await hasImage(docker, tag)) return tag;
  const args = ['--build-arg', `NODE_IMAGE=${bases.node}`, '--build-arg', `BASE_IMAGE=${bases.base}`];
  const file = join(ROOT, 'deploy', 'Dockerfile');
  await build(docker, ['--tag', tag, '--file', file, ...args, ...(await registryAccess()), ROOT]);
  if (docker.isOwn) await removeOld(docker, tag);
  return tag;
}

/** An image that differs from another one by what the lines of a Dockerfile behind FROM say. */
export async function deriveImage(
  docker: Docker,
  from: string,
  { name, lines }: { readonly name: string; readonly lines: readonly string[] },
): Promise<string> {
  const tag = `${NAME}-${name}:${from.split(':')[1]}`;
  if (await hasImage(docker, tag)) return tag;
  await withFolder(async (folder) => {
    writeFileSync(join(folder, 'Dockerfile'), [`FROM ${from}`, ...lines].join('\n'));
    await build(docker, ['--network', 'host', '--tag', tag, folder]);
  });
  return tag;
}

/** What Docker knows of an image, as far as somebody asks. */
export interface ImageReport {
  /** In bytes. */
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck: { readonly Test: readonly string[] };
  };
}

export async function inspectImage(docker: Docker, image: string): Promise<ImageReport> {
  return (JSON.parse(await run(docker, ['image', 'inspect', image])) as [ImageReport])[0];
}

/** How this machine's npm reaches its registry, given to the builder as secrets: nothing of it stays in the image. */
async function registryAccess(): Promise<string[]> {
  const settings = await outputOf('npm', ['config', 'get', 'userconfig']);
  const secrets = { npmrc: settings, ca: process.env.NODE_EXTRA_CA_CERTS ?? '' };
  const given = Object.entries(secrets).filter(([, file]) => file !== '' && existsSync(file));
  return ['--network', 'host', ...given.flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`])];
}

function contentHash(bases: Bases): string {
  const hash = createHash('sha256').update(`${bases.node} ${bases.base}`);
  const files = [...INPUTS, ...filesUnder('packages')];
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !LEFT_OUT.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(path) : [path];
    });
}

/** Those of the registry, where the daemon is somebody's who has one; else made here, once for each version of Node. */
async function baseImages(docker: Docker): Promise<Bases> {
  const own = { node: `${NAME}-node:${SUITE}-${process.versions.node}`, base: `${NAME}-base:${SUITE}` };
  if ((await hasImage(docker, own.base)) && (await hasImage(docker, own.node))) return own;
  const official = { node: `node:20-${SUITE}-slim`, base: `debian:${SUITE}-slim` };
  if (!docker.isOwn && (await isPulled(docker, official.base)) && (await isPulled(docker, official.node)))
    return official;
  if (!(await hasImage(docker, own.base))) await makeBase(docker, own.base);
  await makeNode(docker, own);
  return own;
}

async function isPulled(docker: Docker, image: string): Promise<boolean> {
  if (await hasImage(docker, image)) return true;
  return succeeds(docker.client, ['pull', '--quiet', image], { ...access(docker), timeoutMs: PULL_MS });
}

/** The smallest Debian there is: what debian:…-slim is, made of packages. */
async function makeBase(docker: Docker, tag: string): Promise<void> {
  await withFolder(async (folder) => {
    const rootFs = join(folder, 'root');
    await outputOf('debootstrap', ['--variant=minbase', SUITE, rootFs]);
    const excluded = UNWANTED.map((path) => `--exclude=./${path}`).join(' ');
    const pack = `tar --directory='${rootFs}' --one-file-system --numeric-owner ${excluded} --create .`;
    await outputOf('bash', ['-o', 'pipefail', '-c', `${pack} | '${docker.client}' import - ${tag}`], access(docker));
  });
}

/** This machine's Node and npm, where the official image has them. */
async function makeNode(docker: Docker, { node, base }: Bases): Promise<void> {
  const npm = join(await outputOf('npm', ['root', '--global']), 'npm');
  await withFolder(async (folder) => {
    cpSync(process.execPath, join(folder, 'node'), { dereference: true });
    cpSync(npm, join(folder, 'npm'), { recursive: true, dereference: true });
    const lines = [
      `FROM ${base}`,
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    ];
    writeFileSync(join(folder, 'Dockerfile'), lines.join('\n'));
    await build(docker, ['--network', 'host', '--tag', node, folder]);
  });
}

/** Images of earlier contents, those derived from them too, and what building them has left. */
async function removeOld(docker: Docker, newest: string): Promise<void> {
  const all = (await run(docker, ['images', '--format', '{{.Repository}}:{{.Tag}}', `${NAME}*`])).split('\n');
  const kept = all.filter((tag) => tag.startsWith(`${NAME}:`) && tag !== newest).slice(0, KEPT_IMAGES - 1);
  const hashes = [newest, ...kept].map((tag) => tag.split(':')[1]);
  const isBase = (tag: string): boolean => tag.includes(`:${SUITE}`);
  const old = all.filter((tag) => !isBase(tag) && !hashes.includes(tag.split(':')[1]));
  // What the tests of another checkout use just now stays.
  for (const tag of old) await succeeds(docker.client, ['rmi', tag], access(docker));
  await succeeds(docker.client, ['builder', 'prune', '--force', '--keep-storage', KEPT_CACHE], access(docker));
}

function hasImage(docker: Docker, tag: string): Promise<boolean> {
  return succeeds(docker.client, ['image', 'inspect', tag], access(docker));
}

async function build(docker: Docker, args: readonly string[]): Promise<void> {
  await run(docker, ['build', '--progress', 'plain', ...args]);
}

function run(docker: Docker, args: readonly string[]): Promise<string> {
  return outputOf(docker.client, args, access(docker));
}

function access({ host }: Docker): CommandOptions {
  return { env: { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '1' } };
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-image-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
