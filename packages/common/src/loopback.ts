/** Whether a ZeroMQ endpoint can be reached from this machine alone. */
export function isLoopback(endpoint: string): boolean {
  if (!endpoint.startsWith('tcp://')) return true;
  const host = endpoint.slice('tcp://'.length).replace(/:[^:\]]*$/, '');
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
