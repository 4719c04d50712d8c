export { type AllowList, parseAllowList } from './allow-list.js';
export { type KeyFile, parseKeyFile, printKeyFile, type ServerKeys, type WorkerKeys } from './key-file.js';
export { type KeyFolder, readAllowList, readKeyFolder, readWorkerKeys, writeKeyFolder } from './key-folder.js';
export { generateKeyPair, isKey, type KeyPair, keyOf } from './key-pair.js';
export { makeSeal, openSeal, Sealer, type SealKey, sealedBy, serverSealKey, workerSealKey } from './seal.js';
