import protobuf from 'protobufjs';

/** What stands before every body that is not JSON. */
const MAGIC = Buffer.from('k8s\0');

/** As much of Kubernetes' own definitions as kubectl sends in this form: only secrets. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Unknown {
    message TypeMeta { string apiVersion = 1; string kind = 2; }
    TypeMeta typeMeta = 1;
    bytes raw = 2;
  }
  message Secret {
    message Meta { string name = 1; string namespace = 3; map<string, string> labels = 11; }
    Meta metadata = 1;
    map<string, bytes> data = 2;
    string type = 3;
  }
`);
const UNKNOWN = root.lookupType('Unknown');
const SECRET = root.lookupType('Secret');

/** An object as a client sends it. */
export function parseBody(body: Buffer): object {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) return JSON.parse(body.toString()) as object;
  const { typeMeta, raw } = UNKNOWN.decode(body.subarray(MAGIC.length)) as unknown as {
    typeMeta: { apiVersion: string; kind: string };
    raw: Uint8Array;
  };
  if (typeMeta.kind !== 'Secret') throw new Error(`this server reads no ${typeMeta.kind} that is not JSON`);
  return { ...typeMeta, ...SECRET.toObject(SECRET.decode(raw), { bytes: String }) };
}
