/**
 * Bugs that somebody could make, each one small change of a source file, and the test that must see it: `sim` (the
 * simulator's seeds) or a file, or a test in it. `npm run test:mutants` plants them one by one.
 *
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} bug What goes wrong.
 * @property {string} file
 * @property {string} find Occurs exactly once in the file.
 * @property {string} replace
 * @property {string} caughtBy `sim`, a file, or `FILE > part of a test's title`.
 */

const core = (name) => `packages/coordinator/src/core/${name}.ts`;
const shell = (name) => `packages/coordinator/src/shell/${name}.ts`;
const worker = (name) => `packages/worker/src/${name}.ts`;
const collective = (name) => `packages/collective/src/${name}.ts`;

/** What reaches the disk, and in which order. */
const DISK = [
  {
    name: 'file-not-synced',
    bug: 'a checkpoint gets its name before its files are on the disk',
    file: shell('durable'),
    find: '    await write(handle);\n    await handle.sync();',
    replace: '    await write(handle);',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'names-not-synced',
    bug: 'a checkpoint gets its name before its files have theirs on the disk',
    file: shell('checkpoint-writer'),
    find: '    await syncFolder(temporary);\n',
    replace: '',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'rename-not-synced',
    bug: 'a checkpoint is promised before its name is on the disk',
    file: shell('checkpoint-writer'),
    find: '  await syncFolder(checkpoints);\n',
    replace: '',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'named-before-manifest',
    bug: 'a checkpoint has its name before its manifest is written',
    file: shell('checkpoint-writer'),
    find: `    await writeSynced(path.join(temporary, MANIFEST_FILE), (handle) => handle.writeFile(text));
    await syncFolder(temporary);
    await beforeVisible?.();
    await putInPlace(temporary, folder);`,
    replace: `    await putInPlace(temporary, folder);
    await writeSynced(path.join(folder, MANIFEST_FILE), (handle) => handle.writeFile(text));
    await syncFolder(folder);
    await beforeVisible?.();`,
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'leftover-not-synced',
    bug: 'a resume goes on from a checkpoint whose name may not be on the disk yet',
    file: shell('checkpoint-writer'),
    find: '  if (names.length > 0) await syncFolder(checkpoints);\n',
    replace: '',
    caughtBy: `${shell('power-loss.test')} > saves the same again`,
  },
  {
    name: 'replaced-thrown-away',
    bug: 'the old checkpoint of a step is deleted before the new one has its name',
    file: shell('checkpoint-writer'),
    find: '  try {\n    await rename(temporary, folder);',
    replace: '  try {\n    if (replaces) await rm(aside, { recursive: true });\n    await rename(temporary, folder);',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'journal-file-not-synced',
    bug: 'the journal gets its name before its content is on the disk',
    file: shell('durable'),
    find: '      if (options.durable) await handle.sync();\n',
    replace: '',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'journal-rename-not-synced',
    bug: 'an assignment is told before the journal that has it is sure to survive',
    file: shell('durable'),
    find: '    if (options.durable) await syncFolder(path.dirname(file));\n',
    replace: '',
    caughtBy: shell('power-loss.test'),
  },
  {
    name: 'damaged-checkpoint-restored',
    bug: "a checkpoint's file is not compared with its SHA-256",
    file: shell('checkpoint-reader'),
    find: '!== manifest.fileSha256)',
    replace: "=== '')",
    caughtBy: `${shell('checkpoint.test')} > any flipped bit`,
  },
  {
    name: 'damaged-state-saved',
    bug: 'a state that arrived is saved without a look at its SHA-256',
    file: shell('checkpoint-writer'),
    find: 'if ((await hashInSlices(state)) !== manifest.stateSha256) {',
    replace: "if ((await hashInSlices(state)) === '') {",
    caughtBy: `${shell('checkpoint.test')} > is not what its SHA-256 says`,
  },
  {
    name: 'damaged-state-received',
    bug: 'a worker puts a state in place without a look at its SHA-256',
    file: worker('shell/control-link'),
    find: 'if (sha256 !== state.sha256) {',
    replace: "if (sha256 === '') {",
    caughtBy: `${worker('shell/control-link.test')} > refuses a damaged state`,
  },
  {
    name: 'retention-deletes-what-was-saved',
    bug: 'the checkpoint that was just written goes with the old ones',
    file: core('saving'),
    find: '.filter((step) => step !== saved)',
    replace: '.filter(() => true)',
    caughtBy: 'sim',
  },
];

/** What the coordinator decides. */
const DECISIONS = [
  {
    name: 'told-before-journal',
    bug: 'an assignment is told before the journal has it',
    file: core('generation'),
    find: 'record: journalRecord(draft.state), first: true }',
    replace: 'record: journalRecord(draft.state), first: false }',
    caughtBy: 'sim',
  },
  {
    name: 'highest-update-agreed',
    bug: 'the survivors go on from the highest update that one of them has, not from the lowest',
    file: core('assignment'),
    find: 'const update = Math.min(...newest.values());',
    replace: 'const update = Math.max(...newest.values());',
    caughtBy: 'sim',
  },
  {
    name: 'older-generation-counts',
    bug: "what a member of an earlier generation holds counts as the last one's",
    file: core('assignment'),
    find: '      if (member.heldGeneration !== of) continue;\n',
    replace: '',
    caughtBy: 'sim',
  },
  {
    name: 'stale-messages-taken',
    bug: 'the coordinator takes messages of earlier generations',
    file: core('coordinator-core'),
    find: '  if (OF_A_GENERATION.has(kind) && envelope.generation !== generation) return true;\n',
    replace: '',
    caughtBy: `${core('scenarios.test')} > words-of-before`,
  },
  {
    name: 'stale-paused-taken',
    bug: 'a Paused counts though nobody was asked to pause, or in another session',
    file: core('regroup'),
    find: "if (paused.session !== member.session || member.status !== 'pausing') return;",
    replace: '',
    caughtBy: `${core('scenarios.test')} > words-of-before`,
  },
  {
    name: 'old-session-joins',
    bug: 'a Joined of an earlier session counts',
    file: core('membership'),
    find: 'joined.session !== member.session || ',
    replace: '',
    caughtBy: `${core('scenarios.test')} > words-of-before`,
  },
  {
    name: 'old-session-beats',
    bug: 'a worker that is still loading is taken for ready, because its heartbeat of an earlier session said so',
    file: core('liveness'),
    find: '  if (beat.session !== member.session) return;\n',
    replace: '',
    caughtBy: `${core('scenarios.test')} > words-of-before`,
  },
  {
    name: 'half-a-state-kept',
    bug: 'what a lost leader had sent of its state is taken for the beginning of the next one',
    file: core('regroup'),
    find: '    saving: { ...saving, assembly: null },\n',
    replace: '',
    caughtBy: 'test/sim/crash-points.test.ts',
  },
  {
    name: 'not-everybody-has-paused',
    bug: 'the next generation begins while members are still in the last one',
    file: core('regroup'),
    find: "if (stage !== 'pausing' || members.some(({ status }) => status === 'pausing')) return;",
    replace: "if (stage !== 'pausing' || members.every(({ status }) => status === 'pausing')) return;",
    caughtBy: 'test/sim/crash-points.test.ts',
  },
  {
    name: 'relay-of-another-update',
    bug: 'a member without a state is sent the one of another update',
    file: core('generation'),
    find: "{ kind: 'stateRequest', stateUpdate: startUpdate }",
    replace: "{ kind: 'stateRequest', stateUpdate: Math.max(0, startUpdate - 1) }",
    caughtBy: 'sim',
  },
  {
    name: 'checkpoint-at-hand-not-checked',
    bug: 'a generation begins from the checkpoint that was read, though a newer one is saved',
    file: core('generation'),
    find: 'if (atHand === saved) return',
    replace: 'if (atHand !== saved + 1) return',
    caughtBy: 'sim',
  },
  {
    name: 'states-not-compared',
    bug: 'members begin with states that differ',
    file: core('ready'),
    find: 'const other = ready.find(({ stateSha256 }) => stateSha256 !== expected);',
    replace: "const other = ready.find(({ stateSha256 }) => stateSha256 === '');",
    caughtBy: `${core('scenarios.test')} > states-differ`,
  },
  {
    name: 'shard-twice',
    bug: 'a shard is given to two members',
    file: core('assignment'),
    find: '    next += count;',
    replace: '    next += Math.max(1, count - 1);',
    caughtBy: core('assignment.test'),
  },
  {
    name: 'shard-to-nobody',
    bug: 'the last shards go to nobody where they cannot be shared out evenly',
    file: core('assignment'),
    find: ' + (worker < shards % workers ? 1 : 0);',
    replace: ';',
    caughtBy: 'sim',
  },
  {
    name: 'lease-never-expires',
    bug: 'a silent member is never lost',
    file: core('liveness'),
    find: 'return nowMs - member.lastSeenMs > settings.config.leaseMs * (isStarting ? STARTING_LEASES : 1);',
    replace: 'return isStarting && nowMs < member.lastSeenMs;',
    caughtBy: 'sim',
  },
  {
    name: 'only-holder-let-go',
    bug: 'who alone holds the state leaves with it',
    file: core('state'),
    find: '  if (!holdsProgress(state, member)) return false;',
    replace: '  if (holdsProgress(state, member)) return false;',
    caughtBy: 'sim',
  },
  {
    name: 'metrics-not-rewound',
    bug: 'rows of steps that are done again stay',
    file: core('generation'),
    find: "  if (step < metrics.nextStep) draft.effects.push({ type: 'rewindMetrics', step });\n",
    replace: '',
    caughtBy: core('scenarios.test'),
  },
  {
    name: 'strikes-never-count',
    bug: 'an update that kills its workers does so for ever',
    file: core('strikes'),
    find: 'return { count: before.count + 1, range: { from, to } };',
    replace: 'return { count: before.count, range: { from, to } };',
    caughtBy: core('strikes.test'),
  },
  {
    name: 'strikes-of-survivors-forgotten',
    bug: 'an update that kills some of its workers each time does so for ever',
    file: core('strikes'),
    find: 'of lostIn) {',
    replace: 'of start.holders.size > 0 ? [] : lostIn) {',
    caughtBy: `${core('scenarios.test')} > an-update-ends-its-workers`,
  },
  {
    name: 'goes-on-without-the-state',
    bug: 'a restarted coordinator begins from its checkpoint as soon as enough workers are there',
    file: core('generation'),
    find: ' : Number.POSITIVE_INFINITY;',
    replace: ' : Math.max(workers, settings.formerMembers.length);',
    caughtBy: `${core('scenarios.test')} > a-restarted-coordinator-waits-for-the-state`,
  },
  {
    name: 'goes-back-too-soon',
    bug: 'all go back to a checkpoint while the one that has the state is on its way back',
    file: core('generation'),
    find: 'return nowMs - strayedMs < RETURN_LEASES * settings.config.leaseMs;',
    replace: 'return false;',
    caughtBy: `${core('scenarios.test')} > lost-workers-may-come-back`,
  },
  {
    name: 'name-given-again',
    bug: 'the name of a lost worker, which may come back, is given to another one',
    file: core('membership'),
    find: ', ...losses.map(({ worker }) => worker)];',
    replace: '];',
    caughtBy: `${core('scenarios.test')} > a-given-name-is-not-given-again`,
  },
  {
    name: 'end-before-last-save',
    bug: 'the run ends before its last state is on the disk',
    file: core('stopping'),
    find: 'if (saving.last?.update !== first.doneUpdate || saving.writing.length > 0) return;',
    replace: 'if (saving.last === null) return;',
    caughtBy: `${core('scenarios.test')} > the-last-state-is-saved-first`,
  },
];

/** What workers do, and what lies between them. */
const MEMBERS = [
  {
    name: 'stale-control-frames-taken',
    bug: 'a worker takes messages of earlier generations',
    file: worker('shell/control-link'),
    find: ' || (generation !== 0 && generation < this.#generation)',
    replace: '',
    caughtBy: `${worker('shell/control-link.test')} > drops frames of other runs`,
  },
  {
    name: 'former-work-reported',
    bug: 'a worker that was told to pause reports the work that it should have left',
    file: worker('core/lifecycle'),
    find: "  if (isPaused(state)) return { state, effects: [] };\n  expectPhase(state, ['preparing'], 'prepared');",
    replace: "  expectPhase(state, ['preparing', 'pausing', 'paused', 'connecting', 'greeted'], 'prepared');",
    caughtBy: `${worker('core/lifecycle.test')} > a-generation-ends`,
  },
  {
    name: 'stale-data-frames-taken',
    bug: 'gradients of another generation are summed',
    file: collective('shell/peer-exchange'),
    find: ' && header.generation === this.#options.generation',
    replace: '',
    caughtBy: `${collective('shell/topologies.test')} > those of other runs`,
  },
  {
    name: 'committed-before-all-applied',
    bug: 'an update is committed before the others have written their segments',
    file: collective('shell/host-exchange'),
    find: '      this.#othersApplied[index]!.waitAtLeast(update | 0, this.#spin, this.#throwIfAborted);\n',
    replace: '',
    caughtBy: 'sim',
  },
  {
    name: 'highest-applied-held',
    bug: 'a host holds an update that only some of its workers have applied',
    file: collective('shell/host-exchange'),
    find: 'return Math.min(...this.#ownersApplied',
    replace: 'return Math.max(...this.#ownersApplied',
    caughtBy: 'sim',
  },
  {
    name: 'buffers-used-again-early',
    bug: 'gradients are overwritten before the others have received them',
    file: collective('shell/peer-exchange'),
    find: '!this.#unacknowledged.includes(1) && this.#options.sockets.isIdle;',
    replace: 'this.#options.sockets.isIdle;',
    caughtBy: 'sim',
  },
  {
    name: 'summed-as-they-arrive',
    bug: 'gradients are summed in the order in which they arrive',
    file: collective('shell/peer-reduction'),
    find: `    if (chunk.missing === 0 || chunk.slots[slot] !== null)
      throw malformed(\`the chunk from \${header.offset} came twice from member \${header.sender}\`);
    return { chunk, slot };`,
    replace:
      '    return { chunk, slot: chunk.slots.findIndex((one, at) => one === null && this.#plan.slots[at]!.member !== this.#options.member) };',
    caughtBy: 'sim',
  },
  {
    name: 'tree-split-in-the-middle',
    bug: 'the tree over the shards splits in the middle, so that what it sums is no complete subtree',
    file: collective('core/tree'),
    find: 'return 2 ** (31 - Math.clz32(length - 1));',
    replace: 'return Math.ceil(length / 2);',
    caughtBy: collective('core/tree.test'),
  },
  {
    name: 'tree-left-twice',
    bug: 'an addition puts its sum where the next one does not look for it',
    file: collective('core/tree'),
    find: '    return left;',
    replace: '    return right;',
    caughtBy: 'sim',
  },
  {
    name: 'halving-cut-off-by-one',
    bug: 'where two sides of a halving meet, a piece is cut one cache line too late',
    file: collective('core/halving-plan'),
    find: '(first + second)) * ALIGNMENT_FLOATS);',
    replace: '(first + second) + 1) * ALIGNMENT_FLOATS);',
    caughtBy: collective('core/halving-plan.test'),
  },
  {
    name: 'halving-returned-twice',
    bug: 'members are sent again what they have of the sum',
    file: collective('core/halving-plan'),
    find: 'of missingFrom(known[to]!, { start, end }))',
    replace: 'of missingFrom([], { start, end }))',
    caughtBy: collective('core/halving-plan.test'),
  },
  {
    name: 'waits-end-early',
    bug: 'a wait for a sequence number ends one update too early',
    file: collective('core/sequence'),
    find: 'return ((value - target) | 0) >= 0;',
    replace: 'return ((value - target) | 0) >= -1;',
    caughtBy: 'sim',
  },
];

/** Data that comes from the coordinator. */
const DATA = [
  {
    name: 'chunk-believed',
    bug: 'a chunk is used whatever its hash is',
    file: worker('core/data-feed'),
    find: '    if (isRight) {',
    replace: '    if (isRight || chunk >= 0) {',
    caughtBy: worker('core/data-feed.test'),
  },
  {
    name: 'cache-believed',
    bug: 'what lies in the cache is used whatever its hash is',
    file: worker('shell/chunk-cache'),
    find: 'hashOf(into) === sha256)',
    replace: "hashOf(into) !== '')",
    caughtBy: worker('shell/chunk-cache.test'),
  },
  {
    name: 'request-lost-with-connection',
    bug: 'a piece that was asked for on a connection that broke is not asked for again',
    file: worker('core/data-feed'),
    find: 'for (const { chunk, offset, bytes } of this.#outstanding) {',
    replace: 'for (const { chunk, offset, bytes } of this.#outstanding.slice(1)) {',
    caughtBy: worker('core/data-feed.test'),
  },
  {
    name: 'pieces-without-turns',
    bug: 'who asks first gets all it asks for before the others get anything',
    file: core('piece-queue'),
    find: '    this.#waiting.delete(peer);\n    if (waiting.length > 0) this.#waiting.set(peer, waiting);',
    replace: '    if (waiting.length === 0) this.#waiting.delete(peer);',
    caughtBy: core('piece-queue.test'),
  },
];

/** Who may say what. */
const KEYS = [
  {
    name: 'guard-not-tested',
    bug: 'a coordinator starts whose decision who is admitted does not work',
    file: shell('control-guard'),
    find: '    await testGuard({ socketOptions: this.socketOptions, serverKey: this.#server.publicKey, known });\n',
    replace: '',
    caughtBy: `${shell('control-guard.test')} > a handler that admits everybody`,
  },
  {
    name: 'zap-admits-strangers',
    bug: 'whoever has a key may connect, whether it is on the list or not',
    file: shell('zap-handler'),
    find: 'this.#options.nameOf(keyOf(key))',
    replace: "(this.#options.nameOf(keyOf(key)) ?? 'stranger')",
    caughtBy: `${shell('control-guard.test')} > refuses a key that is not on the list`,
  },
  {
    name: 'zap-domain-not-enforced',
    bug: 'where the handler is not there, everybody is admitted',
    file: shell('control-guard'),
    find: '      zapEnforceDomain: true,\n',
    replace: '',
    caughtBy: `${shell('control-guard.test')} > nobody is admitted`,
  },
  {
    name: 'sealed-message-repeated',
    bug: 'a sealed message counts as often as it comes',
    file: shell('control-guard'),
    find: 'if (counter === null || counter <= bound.counter)',
    replace: 'if (counter === null)',
    caughtBy: `${shell('control-guard.test')} > not sealed with the key it says`,
  },
  {
    name: 'former-session-of-another',
    bug: "a worker ends another's session by saying that it had it before",
    file: shell('identify'),
    find: 'former !== undefined && former.worker !== name',
    replace: "former !== undefined && former.worker === ''",
    caughtBy: `${shell('control-guard.test')} > one it had before`,
  },
  {
    name: 'half-written-list-counts',
    bug: 'an allow-list that an editor has just emptied cuts everybody',
    file: shell('allow-list-file'),
    find: '    if (!settled && revoked.length > 0) return;\n',
    replace: '',
    caughtBy: `${shell('allow-list-file.test')} > cuts nobody while`,
  },
];

/** @type {readonly Mutant[]} */
export const MUTANTS = [...DISK, ...DECISIONS, ...MEMBERS, ...DATA, ...KEYS];
