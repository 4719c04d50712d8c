import { assertNever, type Envelope, GantryError } from '@gantry/common';
import {
  type CoordinatorEvent,
  type CoordinatorState,
  type Effect,
  initialState,
  RETURN_LEASES,
  type RunResult,
  type Settings,
  step,
} from '@gantry/coordinator/core';
import type { RouterEnd } from './connections.js';
import { InvariantError, type Replica } from './invariants.js';
import { SimProcess } from './process.js';
import { SimStates, type StatesPort } from './sim-states.js';
import { Turns } from './turns.js';
import type { World } from './world.js';

const TICK_MS = 50;

export interface LocalWorkersPort {
  start(worker: string, attempt: number): void;
  kill(worker: string): void;
  /** Starts it again when its process has ended, at the earliest in `delayMs`. */
  startAgain(worker: string, attempt: number, delayMs: number): void;
  end(killed: string | null): void;
}

export type RunEnd =
  | { readonly result: RunResult }
  | { readonly error: { readonly code: string; readonly message: string } };

export interface SimCoordinatorOptions {
  readonly host: string;
  readonly settings: Omit<Settings, 'startedMs'>;
  readonly localWorkers: LocalWorkersPort;
  readonly replicaOf: (pid: number) => Replica | null;
  /** The memories of all workers that live, can move and mean to stay, wherever they are. */
  readonly replicas: () => readonly Replica[];
  readonly onEnd: (end: RunEnd) => void;
  readonly onDeath: () => void;
}

/** A coordinator's process: the real core, and around it what coordinator.ts and its artifacts do. */
export class SimCoordinator extends SimProcess implements RouterEnd {
  readonly #options: SimCoordinatorOptions;
  readonly #settings: Settings;
  readonly #startedAtMs: number;
  #skewMs = 0;
  #state: CoordinatorState;
  readonly #queue: CoordinatorEvent[] = [];
  /** Effects of the event in hand that are still to be performed. */
  #effects: Effect[] = [];
  #draining = true;
  readonly #peers = new Set<string>();
  readonly #states: SimStates;
  readonly #journaling = new Turns(this);
  #dieSilently = false;
  #over = false;
  #freshIds = 0;

  constructor(world: World, options: SimCoordinatorOptions, incarnation: number) {
    super(world, options.host, `c${incarnation}`);
    this.#options = options;
    this.#startedAtMs = world.clock.nowMs;
    this.#settings = { ...options.settings, startedMs: 0 };
    this.#state = initialState(this.#settings);
    this.#states = new SimStates(this.#statesPort());
    world.address.bind(this);
    const { localWorkers, hub } = this.#settings;
    for (const worker of [...localWorkers, ...(hub === null ? [] : [hub])]) options.localWorkers.start(worker, 0);
    this.after(world.random.between(1, 20), () => {
      if (this.#settings.resume) this.#states.restore();
      this.#draining = false;
      this.every(TICK_MS, () => this.post({ type: 'tick', nowMs: this.nowMs }));
      this.#drain();
    });
  }

  get nowMs(): number {
    return this.world.clock.nowMs - this.#startedAtMs + this.#skewMs;
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Its clock goes ahead at once: the machine was suspended. */
  jump(ms: number): void {
    this.#skewMs += ms;
  }

  vanish(): void {
    this.#dieSilently = true;
    this.kill();
  }

  protected override onDeath(): void {
    this.world.address.unbind(this, this.#dieSilently);
    this.#options.onDeath();
  }

  onFrame(peer: string, envelope: Envelope): void {
    this.#peers.add(peer);
    const { body } = envelope;
    if (body.kind === 'heartbeat') this.#echo(peer, body.session);
    const freshId = body.kind === 'hello' ? `${this.name}-s${this.#freshIds++}` : '';
    this.post({ type: 'message', nowMs: this.nowMs, peer, envelope, freshId });
  }

  onPeerGone(peer: string): void {
    if (this.#peers.delete(peer)) this.post({ type: 'disconnected', nowMs: this.nowMs, peer });
  }

  childExit(worker: string, attempt: number, end: { code: number | null; signal: string | null }): void {
    this.run(() => this.post({ type: 'childExit', nowMs: this.nowMs, worker, attempt, lastWords: '', ...end }));
  }

  stop(): void {
    this.run(() => this.post({ type: 'stop', nowMs: this.nowMs }));
  }

  post(event: CoordinatorEvent): void {
    if (event.type === 'tick' && this.#queue.some(({ type }) => type === 'tick')) return;
    this.#queue.push(event);
    if (!this.#draining) this.#drain();
  }

  #statesPort(): StatesPort {
    return {
      process: this,
      runId: this.#settings.runId,
      nowMs: () => this.nowMs,
      post: (event) => this.post(event),
      fail: (error) => this.#fail(error),
      sendTo: (peer, envelope) => this.#sendTo(peer, envelope),
    };
  }

  #echo(peer: string, session: string): void {
    const { stage, members, generation } = this.#state;
    const member = members.find((one) => one.peer === peer);
    if (stage === 'failed' || member?.session !== session) return;
    const body = { kind: 'heartbeat', session, phase: 'ready', workingUpdate: 0, progress: 0, phaseMs: 0 } as const;
    this.#sendTo(peer, { runId: this.#settings.runId, generation, update: 0, body });
  }

  #sendTo(peer: string, envelope: Envelope): boolean {
    if (!this.#peers.has(peer)) return false;
    if (this.world.address.send(peer, envelope)) return true;
    this.after(0, () => this.onPeerGone(peer));
    return false;
  }

  #drain(): void {
    this.#draining = true;
    for (;;) {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) {
        if (!this.alive || !this.#perform(effect)) return;
      }
      const event = this.#queue.shift();
      if (event === undefined || !this.alive) break;
      this.#effects = this.#step(event);
    }
    this.#draining = false;
  }

  #step(event: CoordinatorEvent): Effect[] {
    try {
      const { state, effects } = step(this.#state, event);
      const { stage, generation } = this.#state;
      if (state.stage !== stage || state.generation !== generation) {
        this.world.trace.add(`${this.name} ${stage} ${generation} → ${state.stage} ${state.generation}`);
      }
      this.#state = state;
      this.#compareBelief();
      return effects;
    } catch (error) {
      if (event.type === 'failed') throw error;
      this.#fail(error);
      return [];
    }
  }

  /** What it holds its members to have committed, they have. */
  #compareBelief(): void {
    const { stage, generation, startUpdate, members } = this.#state;
    if (stage !== 'training') return;
    for (const { status, pid, update } of members) {
      if (status === 'training' && update > startUpdate) this.world.monitor.believed(`w${pid}`, generation, update);
    }
  }

  /** False: what follows waits until this is done. */
  #perform(effect: Effect): boolean {
    switch (effect.type) {
      case 'send':
        this.#send(effect);
        return true;
      case 'journal':
        return this.#journal(effect);
      case 'sendState':
        this.#states.sendRestored(effect.peer, effect.generation);
        return true;
      case 'relayState':
        this.#states.relay(effect);
        return true;
      case 'readCheckpoint':
        this.#states.restore();
        return true;
      case 'killWorker':
        this.#options.localWorkers.kill(effect.worker);
        return true;
      case 'startWorker':
        this.#options.localWorkers.startAgain(effect.worker, effect.attempt, effect.delayMs);
        return true;
      case 'storeChunk':
        this.#states.store(effect);
        return true;
      case 'saveCheckpoint':
        this.#states.save(effect);
        return true;
      case 'dropStates':
        this.#states.drop(effect.updates);
        return true;
      case 'deleteCheckpoints':
        this.#states.delete(effect.steps);
        return true;
      case 'emit':
        this.#noteEvent(effect.event);
        return true;
      case 'log':
        this.world.trace.add(`${this.name}: ${effect.message}`);
        this.#noteLog(effect.message);
        return true;
      case 'rewindMetrics':
      case 'metrics':
      case 'sample':
        return true;
      case 'end':
        this.#finish(effect.outcome);
        return true;
      default:
        return assertNever(effect);
    }
  }

  #noteEvent(event: Extract<Effect, { type: 'emit' }>['event']): void {
    const { monitor, trace } = this.world;
    if (event.event === 'ready') this.#states.forgetRestored();
    if (event.event === 'checkpoint') monitor.promised(event.update);
    if (event.event === 'replica-diverged') {
      trace.add(`${this.name} finds that ${event.worker} differs after ${event.update}; back to ${event.backTo}`);
      monitor.diverged();
    }
    if (event.event === 'worker-lost') {
      trace.add(`${this.name} lost ${event.worker}: ${event.reason}`);
      if (event.worker === this.#settings.hub) monitor.happened('a hub is lost');
      const isEarly = this.#settings.resume && !this.#state.hasTrained;
      const isHeld = this.#memories().some(({ heldUpdate }) => heldUpdate > (this.#state.saving.last?.update ?? 0));
      if (isEarly && isHeld) monitor.happened('a resumed run loses a worker that others survive, before it trains');
    }
  }

  #noteLog(message: string): void {
    const { monitor } = this.world;
    if (message.includes('shards move')) monitor.happened('shards move to faster workers');
    if (message.includes('waited for (--stalled')) monitor.happened('a stalled worker is waited for');
  }

  #send({ peer, worker, envelope }: Extract<Effect, { type: 'send' }>): void {
    const { body } = envelope;
    if (body.kind !== 'stateReceived') this.world.trace.add(`${this.name} > ${worker || peer} ${body.kind}`);
    if (body.kind === 'assignment') {
      this.world.monitor.told(body.generation, this.world.disk.promisedGeneration);
    }
    this.#sendTo(peer, envelope);
  }

  #journal({ record, first }: Extract<Effect, { type: 'journal' }>): boolean {
    const { runId } = this.#settings;
    if (first) this.#noteAssignment();
    this.#journaling.add((done) => {
      this.world.disk.writeJournal(
        { ...record, runId },
        () => this.alive,
        (error) =>
          this.run(() => {
            if (error !== null) {
              this.#fail(error);
              if (first) this.#effects = [];
            }
            done();
            if (first) this.#drain();
          }),
      );
    });
    return !first;
  }

  /** The monitor compares what is about to be promised with what the members' memories really hold. */
  #noteAssignment(): void {
    const send = this.#effects.find((effect) => effect.type === 'send' && effect.envelope.body.kind === 'assignment');
    if (send?.type !== 'send' || send.envelope.body.kind !== 'assignment') return;
    const assignment = send.envelope.body;
    const members = assignment.members.map(({ worker, place }) => `${worker}:${place}`).join(' ');
    this.world.trace.add(`${this.name} generation ${assignment.generation} from ${assignment.startUpdate}: ${members}`);
    const processes = new Set(
      this.#state.members.filter(({ status }) => status === 'assigned').map(({ pid }) => `w${pid}`),
    );
    this.world.monitor.assigned(assignment, {
      ...{ replicas: this.#memories(), processes },
      savedUpdate: this.#state.saving.last?.update ?? null,
    });
    this.world.monitor.wentBack(assignment, this.#awaited());
  }

  /** Of all who have joined or paused, the next generation's or not. */
  #memories(): readonly Replica[] {
    const here = this.#state.members.filter(({ status }) => status !== 'greeted');
    return here.map(({ pid, worker, heldGeneration, heldUpdate }) => {
      // Of one that has died unheard what it said counts.
      return this.#options.replicaOf(pid) ?? { worker, heldGeneration, heldUpdate };
    });
  }

  /** Who has taken part, there or not, for as long as it may be expected to come back. */
  #awaited(): readonly Replica[] {
    const { formerMembers, config } = this.#settings;
    const { hasTrained, strayedMs } = this.#state;
    const sinceMs = hasTrained ? strayedMs : 0;
    if (sinceMs !== null && this.nowMs - sinceMs >= RETURN_LEASES * config.leaseMs) return [];
    const replicas = this.#options.replicas();
    if (hasTrained || formerMembers === null) return replicas;
    return replicas.filter(({ worker }) => formerMembers.includes(worker));
  }

  #fail(error: unknown): void {
    if (error instanceof InvariantError) throw error;
    const known = error instanceof GantryError ? error : null;
    const message = known?.message ?? `unexpected: ${(error as Error).stack ?? String(error)}`;
    this.world.trace.add(`${this.name} fails: ${known?.code ?? 'GANTRY_INTERNAL'} ${message.slice(0, 400)}`);
    this.post({ type: 'failed', nowMs: this.nowMs, code: known?.code ?? 'GANTRY_INTERNAL', message, details: {} });
  }

  #finish(outcome: Extract<Effect, { type: 'end' }>['outcome']): void {
    this.#over = true;
    const end: RunEnd = 'error' in outcome ? { error: outcome.error } : { result: outcome.result };
    const text = 'error' in end ? `${end.error.code}: ${end.error.message}` : `update ${end.result.update}`;
    this.world.trace.add(`${this.name} ends: ${text}`);
    if ('error' in outcome)
      this.world.monitor.gaveUp(outcome.error, this.#memories(), this.#state.saving.last?.update ?? 0);
    if (text.includes('needs its hub')) this.world.monitor.happened('a hub is not started again');
    const lost = 'error' in outcome ? String(outcome.error.details.worker ?? '') : '';
    this.#options.localWorkers.end(lost === '' ? null : lost);
    // It sees its workers out, writes what is pending, and lets the last messages leave.
    const settle = (): void => {
      if (this.#states.isWriting || this.#journaling.isBusy) {
        this.after(5, settle);
        return;
      }
      this.#options.onEnd(end);
      this.kill();
    };
    this.after(500, settle);
  }
}
