import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engine, layers } from '../tfjs.js';

/** Where a kernel was called from. */
export interface Origin {
  /** Names of the layers that are being applied, outermost first, joined by `/`; empty outside of layers. */
  readonly layer: string;
  /** `file:line:column` (`file:line` of a bundled file) of the user's code, relative to the working directory; empty if there is none on the stack. */
  readonly line: string;
}

/** Where Gantry's packages lie beside each other, in a clone; as dependencies they are in node_modules. */
const PACKAGES_ROOT = join(fileURLToPath(new URL('../../..', import.meta.url)), sep);
/** Deep enough for nested models: a layer costs about ten frames. */
const STACK_FRAMES = 200;
const FRAME_LOCATION = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/;

/** Finds a user's own file and line in a stack that leads through a script which was made of it. */
export type Locator = (error: {
  readonly stack: string;
}) => { readonly file: string; readonly line: number } | undefined;

const locators = new Map<string, Locator>();

/** Makes messages name the user's own lines where code runs from a bundle. @param script its name in stacks */
export function registerLocator(script: string, locate: Locator): void {
  locators.delete(script);
  locators.set(script, locate);
}

/** The layers that are being applied right now; a trace is synchronous, so one stack for the process is enough. */
const layerStack: string[] = [];

export function currentLayer(): string {
  return layerStack.join('/');
}

/** Whether tfjs is computing gradients: the innermost of its scopes `forward` and `backward` tells. */
export function isBackward(): boolean {
  const { scopeStack } = engine().state as unknown as { scopeStack: readonly { name: string }[] };
  return scopeStack.findLast(({ name }) => name === 'forward' || name === 'backward')?.name === 'backward';
}

/** Runs `fn` while errors remember enough frames to reach the user's code through TensorFlow.js. */
export function withDeepStacks<T>(fn: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_FRAMES;
  try {
    return fn();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The user's line that led to the call of this function. Slow (it takes a stack trace): for traces and errors only. */
export function currentLine(): string {
  return withDeepStacks(() => userLine(new Error().stack));
}

/** The first frame of a stack that is neither Node's, nor TensorFlow.js's, nor Gantry's own. */
export function userLine(stack: string | undefined): string {
  // The newest first: what is being run is what was loaded last.
  for (const locate of [...locators.values()].reverse()) {
    const found = locate({ stack: stack ?? '' });
    if (found !== undefined) return `${relative(process.cwd(), found.file)}:${found.line}`;
  }
  for (const frame of (stack ?? '').split('\n').slice(1)) {
    const match = FRAME_LOCATION.exec(frame.trim());
    if (match === null) continue;
    const file = match[1]!.startsWith('file://') ? fileURLToPath(match[1]!) : match[1]!;
    if (isUserFile(file)) return `${relative(process.cwd(), file)}:${match[2]}:${match[3]}`;
  }
  return '';
}

/** Tests stand beside the sources, and are their users. */
function isUserFile(file: string): boolean {
  if (/[\\/]node_modules[\\/]/.test(file)) return false;
  const isOwn = file.startsWith(PACKAGES_ROOT) && /[\\/](dist|src)[\\/]/.test(file.slice(PACKAGES_ROOT.length));
  return !isOwn || /\.test\.[jt]s$/.test(file);
}

/** For messages: `layer "dense_1" at model.ts:12:3`. */
export function describeOrigin({ layer, line }: Origin): string {
  const parts = [layer === '' ? '' : `in layer "${layer}"`, line === '' ? '' : `at ${line}`];
  return parts.filter((part) => part !== '').join(' ');
}

/**
 * Runs `fn` while every tfjs-layers layer that is applied leaves its name in {@link currentLayer}. tfjs-layers keeps
 * the same names in a module-private stack, so `Layer.apply` is wrapped for as long as `fn` runs.
 */
export function withLayerNames<T>(fn: () => T): T {
  const prototype = layers.Layer.prototype;
  const original = prototype.apply;
  prototype.apply = function apply(this: InstanceType<typeof layers.Layer>, ...args: Parameters<typeof original>) {
    layerStack.push(this.name);
    try {
      return original.apply(this, args);
    } finally {
      layerStack.pop();
    }
  };
  try {
    return fn();
  } finally {
    prototype.apply = original;
    layerStack.length = 0;
  }
}
