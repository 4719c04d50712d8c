import { assert } from '@gantry/common';
import { chunksOf } from '../core/chunks.js';
import { FRAME_PARTIAL, FRAME_SUM, type FrameHeader, type FrameKind, malformed } from '../core/frame.js';
import type { HalvingAddition, HalvingPlan } from '../core/halving-plan.js';
import type { Segment } from '../core/segments.js';
import type { ShardRange } from '../core/tree.js';
import type { Payload } from '../core/wire.js';
import type { OutgoingFrame } from './data-link.js';
import { addValues, computeOwnPiece, copyValues, frameWire, makeOwnPiece, type OwnPiece } from './own-piece.js';
import type { Reduction, ReductionOptions } from './reduction.js';

export interface HalvingReductionOptions extends ReductionOptions {
  readonly plan: HalvingPlan;
}

/** What a task does when all that it needs is there. `null` operands arrive. */
type Work =
  | { readonly kind: 'own'; readonly piece: OwnPiece }
  | {
      readonly kind: 'add';
      readonly out: Float32Array;
      readonly left: Payload | null;
      readonly right: Payload | null;
    }
  | { readonly kind: 'copy'; readonly out: Float32Array; readonly from: Payload }
  | { readonly kind: 'send'; readonly frame: OutgoingFrame }
  /** The payload of a sum is already in its place. */
  | { readonly kind: 'receive' };

interface Task {
  readonly work: Work;
  /** Whether it completes a piece of the result. */
  readonly isResult: boolean;
  readonly next: Task[];
  /** Tasks and a payload that it waits for: in every update, and now. */
  needs: number;
  missing: number;
  payload: Payload | null;
}

/** A frame that comes in every update. */
interface Incoming {
  readonly kind: FrameKind;
  readonly sender: number;
  readonly nodeStart: number;
  readonly nodeEnd: number;
  readonly length: number;
  /** In the result; null: a chunk of the exchange's. */
  readonly place: Float32Array | null;
  readonly task: Task;
  hasCome: boolean;
}

/** A task that makes a piece of a node's sum here. */
interface Maker extends Segment {
  readonly task: Task;
}

/**
 * One member's part of recursive halving-doubling. What it does in an update is a graph of tasks, the same every time:
 * compute own pieces, add what arrives, send, each as soon as what it needs is there, so that the chunks of all rounds
 * overlap. Sums grow in place, in the gradients of own shards: a piece that is sent is not written again before the next
 * update, which the exchange begins when the receivers have it.
 *
 * Invariant between updates: no task holds a payload.
 */
export class HalvingReduction implements Reduction {
  readonly result: Float32Array;
  readonly #options: HalvingReductionOptions;
  readonly #tasks: Task[] = [];
  /** Own pieces in the order of work: those that others wait for first. */
  readonly #own: readonly Task[];
  /** By offset. */
  readonly #incoming = new Map<number, Incoming[]>();
  /** By member: frames that come, and that go, in one update. */
  readonly #expected: Int32Array;
  readonly #sent: Int32Array;
  readonly #resultTasks: number;
  /** Pieces of the result that are not there yet. */
  #pending = 0;

  constructor(options: HalvingReductionOptions) {
    this.#options = options;
    this.result = options.result;
    this.#expected = new Int32Array(options.assignment.members.length);
    this.#sent = new Int32Array(options.assignment.members.length);
    this.#makeTasks();
    const own = this.#tasks.filter(({ work }) => work.kind === 'own');
    const isSent = ({ next }: Task): boolean => next.some(({ work }) => work.kind === 'send');
    this.#own = [...own.filter(isSent), ...own.filter((task) => !isSent(task))];
    this.#resultTasks = this.#tasks.filter(({ isResult }) => isResult).length;
  }

  get isDone(): boolean {
    return this.#pending === 0;
  }

  expectedFrom(peer: number): number {
    return this.#expected[peer]!;
  }

  sendsTo(peer: number): boolean {
    return this.#sent[peer]! > 0;
  }

  reset(): void {
    this.#pending = this.#resultTasks;
    for (const task of this.#tasks) task.missing = task.needs;
    for (const frames of this.#incoming.values()) for (const frame of frames) frame.hasCome = false;
  }

  contribute(): void {
    for (const task of this.#own) this.#run(task);
  }

  place(header: FrameHeader): Payload {
    const { place } = this.#find(header);
    return place ?? this.#options.port.takeChunk(header);
  }

  accept(header: FrameHeader, payload: Payload): void {
    const frame = this.#find(header);
    if (payload.length !== frame.length) throw malformed(`${payload.length} values are no chunk`);
    frame.hasCome = true;
    if (frame.place === null) frame.task.payload = payload;
    else if (payload !== frame.place) {
      frame.place.set(payload);
      this.#options.port.returnChunk(payload);
    }
    this.#advance(frame.task);
  }

  #find({ kind, sender, nodeStart, nodeEnd, offset, length }: FrameHeader): Incoming {
    for (const frame of this.#incoming.get(offset) ?? []) {
      if (frame.kind !== kind || frame.sender !== sender || frame.length !== length) continue;
      if (frame.nodeStart !== nodeStart || frame.nodeEnd !== nodeEnd) continue;
      if (frame.hasCome) throw malformed(`the chunk from ${offset} came twice from member ${sender}`);
      return frame;
    }
    throw malformed(
      `member ${sender} owes no ${kind === FRAME_SUM ? 'sum' : 'partial'} of ${length} floats from ${offset} of [${nodeStart}, ${nodeEnd})`,
    );
  }

  #advance(task: Task): void {
    task.missing--;
    if (task.missing === 0) this.#run(task);
  }

  #run(task: Task): void {
    this.#perform(task);
    if (task.isResult) this.#pending--;
    for (const next of task.next) this.#advance(next);
  }

  #perform(task: Task): void {
    const { wire, port } = this.#options;
    const { work, payload } = task;
    if (work.kind === 'own') computeOwnPiece(work.piece, this.#options);
    else if (work.kind === 'copy') copyValues(work.out, work.from, wire);
    else if (work.kind === 'send') port.send(work.frame);
    else if (work.kind === 'add') {
      addValues(work.out, work.left ?? payload!, work.right ?? payload!, this.#options);
      if (payload === null) return;
      task.payload = null;
      port.returnChunk(payload);
    }
  }

  #makeTasks(): void {
    const { plan, assignment, member } = this.#options;
    const whole = { start: 0, end: assignment.shards };
    const makers = new MakersByNode();
    for (const addition of plan.additions) {
      for (const chunk of chunksOf(addition)) this.#makeAddition(addition, chunk, makers);
    }
    if (plan.owners[0] === member && this.#isOwnSubtree(whole)) this.#makeCopies(whole, makers);
    for (const { from, to, ...piece } of plan.returns) {
      for (const chunk of chunksOf(piece)) {
        if (from === member) this.#makeSumFrame(to, chunk, makers.of(whole));
        else if (to === member) this.#makeReturned(from, chunk, makers.of(whole));
      }
    }
  }

  /** Where two children's sums meet: this member has one of them and sends it, or adds what comes, or has both. */
  #makeAddition(addition: HalvingAddition, chunk: Segment, makers: MakersByNode): void {
    const { plan, member } = this.#options;
    const home = plan.owners[addition.home]!;
    const left = this.#makeSide(addition.left, addition.leftHome, { chunk, makers });
    const right = this.#makeSide(addition.right, addition.rightHome, { chunk, makers });
    if (home === member) {
      const isRoot = addition.node.end - addition.node.start === this.#options.assignment.shards;
      const out = isRoot ? this.#view(this.result, chunk) : this.#view(this.#options.partial(addition.home), chunk);
      const work = { kind: 'add', out, left: left.values, right: right.values } as const;
      const task = this.#addTask(work, [...left.makers, ...right.makers], isRoot);
      for (const { owner, node } of [left, right]) {
        if (owner !== member) this.#expect({ kind: FRAME_PARTIAL, sender: owner, node, chunk, place: null, task });
      }
      makers.of(addition.node).push({ ...chunk, task });
    } else {
      const own = left.owner === member ? left : right;
      if (own.owner === member) this.#makePartialFrame(home, own, chunk);
    }
  }

  /** One child's sum, if it is here, and what makes it. */
  #makeSide(node: ShardRange, shard: number, { chunk, makers }: Meeting): Side {
    const { plan, member, wire, partial, port } = this.#options;
    const owner = plan.owners[shard]!;
    if (owner !== member) return { node, owner, values: null, makers: [] };
    if (!this.#isOwnSubtree(node)) {
      const values = this.#view(partial(shard), chunk);
      return { node, owner, values, makers: makers.overlapping(node, chunk) };
    }
    const piece = makeOwnPiece({ node, wire, partial, port }, chunk);
    const task = this.#addTask({ kind: 'own', piece }, []);
    return { node, owner, values: piece.sum, makers: [task] };
  }

  /** A member that owns all shards adds nothing, but its result lies elsewhere than its gradients. */
  #makeCopies(whole: ShardRange, makers: MakersByNode): void {
    const { plan, wire, partial, port } = this.#options;
    for (const chunk of plan.root.flatMap(chunksOf)) {
      const piece = makeOwnPiece({ node: whole, wire, partial, port }, chunk);
      const own = this.#addTask({ kind: 'own', piece }, []);
      const work = { kind: 'copy', out: this.#view(this.result, chunk), from: piece.sum } as const;
      makers.of(whole).push({ ...chunk, task: this.#addTask(work, [own], true) });
    }
  }

  #makePartialFrame(peer: number, { node, values, makers }: Side, { start, end }: Segment): void {
    const { network, wire, port } = this.#options;
    const range = { nodeStart: node.start, nodeEnd: node.end, offset: start, length: end - start };
    const fields = { network, kind: FRAME_PARTIAL, ...range } as const;
    const frame = port.makeFrame(peer, { ...fields, wire: frameWire(fields, wire) }, values!);
    this.#addTask({ kind: 'send', frame }, makers);
    this.#sent[peer]!++;
  }

  #makeSumFrame(peer: number, chunk: Segment, makers: readonly Maker[]): void {
    const { network, port } = this.#options;
    const fields = { network, kind: FRAME_SUM, offset: chunk.start, length: chunk.end - chunk.start } as const;
    const frame = port.makeFrame(peer, fields, this.#view(this.result, chunk));
    this.#addTask({ kind: 'send', frame }, tasksOver(makers, chunk));
    this.#sent[peer]!++;
  }

  #makeReturned(sender: number, chunk: Segment, makers: Maker[]): void {
    const task = this.#addTask({ kind: 'receive' }, [], true);
    const place = this.#view(this.result, chunk);
    this.#expect({ kind: FRAME_SUM, sender, node: { start: 0, end: 0 }, chunk, place, task });
    makers.push({ ...chunk, task });
  }

  #expect({ chunk, node, ...frame }: Omit<Incoming, 'nodeStart' | 'nodeEnd' | 'length' | 'hasCome'> & Expected): void {
    const range = { nodeStart: node.start, nodeEnd: node.end, length: chunk.end - chunk.start };
    const incoming = { ...frame, ...range, hasCome: false };
    const known = this.#incoming.get(chunk.start);
    if (known === undefined) this.#incoming.set(chunk.start, [incoming]);
    else known.push(incoming);
    frame.task.needs++;
    this.#expected[frame.sender]!++;
  }

  #addTask(work: Work, after: readonly Task[], isResult = false): Task {
    const task: Task = { work, isResult, next: [], needs: after.length, missing: 0, payload: null };
    for (const before of after) before.next.push(task);
    this.#tasks.push(task);
    return task;
  }

  #isOwnSubtree({ start, end }: ShardRange): boolean {
    const { plan, member } = this.#options;
    return plan.subtrees[member]!.some((node) => node.start === start && node.end === end);
  }

  #view(vector: Float32Array, { start, end }: Segment): Float32Array {
    return vector.subarray(start, end);
  }
}

interface Meeting {
  readonly chunk: Segment;
  readonly makers: MakersByNode;
}

interface Side {
  readonly node: ShardRange;
  readonly owner: number;
  /** Null if another member has it. */
  readonly values: Payload | null;
  readonly makers: readonly Task[];
}

interface Expected {
  readonly node: ShardRange;
  readonly chunk: Segment;
}

/** What makes each node's sum here, while the tasks are made. */
class MakersByNode {
  readonly #makers = new Map<string, Maker[]>();

  of({ start, end }: ShardRange): Maker[] {
    const key = `${start}-${end}`;
    const known = this.#makers.get(key);
    if (known !== undefined) return known;
    const makers: Maker[] = [];
    this.#makers.set(key, makers);
    return makers;
  }

  overlapping(node: ShardRange, chunk: Segment): Task[] {
    return tasksOver(this.of(node), chunk);
  }
}

/** The tasks that make a chunk, all of it. */
function tasksOver(makers: readonly Maker[], { start, end }: Segment): Task[] {
  const over = makers.filter((maker) => maker.start < end && maker.end > start);
  const covered = over.reduce((sum, maker) => sum + Math.min(maker.end, end) - Math.max(maker.start, start), 0);
  assert(covered === end - start, `floats [${start}, ${end}) are made here`);
  return over.map(({ task }) => task);
}
