import type { OnnxAttribute, OnnxDType, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { ProtobufWriter } from './protobuf.js';

/** ONNX IR 10 goes with opset 21; ONNX Runtime reads both since 1.18. */
export const ONNX_IR_VERSION = 10;
export const ONNX_OPSET = 21;

/** TensorProto.DataType. */
const DATA_TYPES: Readonly<Record<OnnxDType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };
/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/**
 * Serializes a model as an ONNX `ModelProto`. Deterministic: equal models give equal bytes.
 * Field numbers: onnx/onnx.proto of ONNX 1.16.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new ProtobufWriter().integer(1, ONNX_IR_VERSION).string(2, 'gantry').message(7, encodeGraph(model));
  writer.message(8, new ProtobufWriter().string(1, '').integer(2, ONNX_OPSET));
  return writer.finish().slice();
}

/** TensorProto's number of a dtype, as `Cast.to` wants it. */
export function onnxDataType(dtype: OnnxDType): number {
  return DATA_TYPES[dtype];
}

function encodeGraph(model: OnnxModel): ProtobufWriter {
  const writer = new ProtobufWriter();
  model.nodes.forEach((node, index) => {
    writer.message(1, encodeNode(node, index));
  });
  writer.string(2, 'gantry');
  for (const [name, tensor] of model.initializers) writer.message(5, encodeTensor(tensor, name));
  for (const input of model.inputs) writer.message(11, encodeValue(input));
  for (const output of model.outputs) writer.message(12, encodeValue(output));
  return writer;
}

function encodeNode(node: OnnxNode, index: number): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, `${node.op}_${index}`).string(4, node.op);
  for (const name of Object.keys(node.attributes).sort())
    writer.message(5, encodeAttribute(name, node.attributes[name]!));
  return writer;
}

function encodeAttribute(name: string, value: OnnxAttribute): ProtobufWriter {
  const writer = new ProtobufWriter().string(1, name);
  if (typeof value === 'string') return writer.string(4, value).integer(20, ATTRIBUTE_TYPES.string);
  if (typeof value === 'number') return writer.integer(3, value).integer(20, ATTRIBUTE_TYPES.int);
  if ('float' in value) return writer.float(2, value.float).integer(20, ATTRIBUTE_TYPES.float);
  if ('floats' in value) {
    for (const item of value.floats) writer.float(7, item);
    return writer.integer(20, ATTRIBUTE_TYPES.floats);
  }
  if ('dtype' in value) return writer.message(5, encodeTensor(value, '')).integer(20, ATTRIBUTE_TYPES.tensor);
  for (const item of value) writer.integer(8, item);
  return writer.integer(20, ATTRIBUTE_TYPES.ints);
}

/** `raw_data` is little-endian; so is every platform that ONNX Runtime's Node binding exists for. */
function encodeTensor({ dtype, shape, data }: OnnxTensor, name: string): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const size of shape) writer.integer(1, size);
  writer.integer(2, DATA_TYPES[dtype]);
  if (name !== '') writer.string(8, name);
  return writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function encodeValue({ name, dtype, shape }: OnnxValue): ProtobufWriter {
  const shapeProto = new ProtobufWriter();
  for (const size of shape) shapeProto.message(1, new ProtobufWriter().integer(1, size));
  const tensorType = new ProtobufWriter().integer(1, DATA_TYPES[dtype]).message(2, shapeProto);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, tensorType));
}
