/** Names of the methods of `service` in a serialised FileDescriptorProto; empty when the file does not hold it. */
export function serviceMethods(file: Buffer, service: string): string[] {
  const isPackage = 2;
  const isService = 6;
  const fields = fieldsOf(file);
  const found = fields
    .filter(({ number }) => number === isService)
    .map(({ value }) => fieldsOf(value))
    .find((parts) => textOf(parts, 1) === service);
  if (found === undefined || textOf(fields, isPackage) !== '') return [];
  return found.filter(({ number }) => number === 2).map(({ value }) => textOf(fieldsOf(value), 1));
}

interface Field {
  readonly number: number;
  /** Content of a length-delimited field; empty for the others, which are only skipped. */
  readonly value: Buffer;
}

function textOf(fields: readonly Field[], number: number): string {
  return fields.find((field) => field.number === number)?.value.toString() ?? '';
}

function fieldsOf(bytes: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const octet = bytes[at++];
      if (octet === undefined) throw new Error('a protobuf message ends too early');
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire === 0) varint();
    found.push({ number: Math.floor(key / 8), value: wire === 2 ? bytes.subarray(at, at + length) : Buffer.alloc(0) });
    at += length;
  }
  return found;
}
