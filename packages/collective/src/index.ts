export { type AllreduceBenchOptions, type AllreduceRow, type BenchHost, benchAllreduce } from './bench/allreduce.js';
export { assignShards, type ShardAssignment } from './core/assignment.js';
export {
  type Communication,
  type CommunicationOptions,
  countCommunication,
  type Traffic,
} from './core/communication.js';
export type { Exchange, GatherResult } from './core/exchange.js';
export { type HostMemoryPlan, layoutHostMemory } from './core/host-layout.js';
export { type HostsPlan, planHosts } from './core/hosts.js';
export { chooseTopology, type NetworkCosts, networkCosts } from './core/schedules.js';
export type { Segment } from './core/segments.js';
export { alignedSubtrees, reduceOrder, type ShardRange, shardsOf, splitPoint, type TreeAdd } from './core/tree.js';
export { jsVectorSum, type VectorSum } from './core/vector-sum.js';
export { roundToWire } from './core/wire.js';
export { type ClusterExchangeOptions, createClusterExchange } from './shell/cluster-exchange.js';
export { ControlWords } from './shell/control-words.js';
export { cleanStaleDataFolders } from './shell/data-folder.js';
export type { BoundDataSocket, DataLink, FrameReceiver, OutgoingFrame } from './shell/data-link.js';
export { bindDataSocket, DataSocket, type DataSocketOptions } from './shell/data-socket.js';
export { createHostExchange, type HostExchangeOptions } from './shell/host-exchange.js';
export { HostMemory } from './shell/host-memory.js';
export { measureNetwork, type NetworkProbeOptions } from './shell/network-probe.js';
export { payloadBytes } from './shell/payload-memory.js';
export { createPeerExchange } from './shell/peer-exchange.js';
export type { PeerExchangeCounters, PeerExchangeHandle, PeerExchangeOptions } from './shell/peer-exchange-options.js';
export { PeerSockets } from './shell/peer-sockets.js';
export {
  cleanStaleSharedMemory,
  SharedMemory,
  sharedMemoryDirectory,
  sharedMemoryFile,
} from './shell/shared-memory.js';
