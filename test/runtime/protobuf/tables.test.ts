import test from 'ava';
import fc from 'fast-check';
import * as server from '../../../src/issuer-client/wire-messages.js';
import type { MessageType } from '../../../src/runtime/protobuf/message-type.js';
import { ProtobufError } from '../../../src/runtime/protobuf/proto-reader.js';
import * as workload from '../../../src/workload-api/wire-messages.js';
import { anyMessage, describeTable, describeType, merged, plain, publishedTypes } from '../../fakes/proto-messages.js';

const AGENT = 'com.spirl.agent.v1';

/** Tables that stand for a message of their own; the others are parts of these. */
const TABLES: readonly { file: string; tables: Readonly<Record<string, object>> }[] = [
  {
    file: 'spiffe/workload.proto',
    tables: {
      X509SVIDResponse: workload.X509SvidResponse,
      X509BundlesResponse: workload.X509BundlesResponse,
      JWTSVIDRequest: workload.JwtSvidRequest,
      JWTSVIDResponse: workload.JwtSvidResponse,
      JWTBundlesResponse: workload.JwtBundlesResponse,
      ValidateJWTSVIDRequest: workload.ValidateRequest,
      ValidateJWTSVIDResponse: workload.ValidateResponse,
    },
  },
  {
    file: 'spirl/agent/v1/session.proto',
    tables: {
      [`${AGENT}.session.LoginRequest`]: server.LoginRequest,
      [`${AGENT}.session.LoginResponse`]: server.LoginResponse,
      [`${AGENT}.session.RenewRequest`]: server.RenewRequest,
      [`${AGENT}.session.SessionGrant`]: server.SessionGrant,
    },
  },
  {
    file: 'spirl/agent/v1/agent.proto',
    tables: {
      [`${AGENT}.issuance.MintX509Request`]: server.MintX509Request,
      [`${AGENT}.issuance.MintX509Response`]: server.MintX509Response,
      [`${AGENT}.issuance.MintJwtRequest`]: server.MintJwtRequest,
      [`${AGENT}.issuance.MintJwtResponse`]: server.MintJwtResponse,
      [`${AGENT}.issuance.ResolveRequest`]: server.ResolveRequest,
      [`${AGENT}.issuance.ResolveResponse`]: server.ResolveResponse,
      [`${AGENT}.bundles.SyncRequest`]: server.SyncRequest,
      [`${AGENT}.bundles.SyncResponse`]: server.SyncResponse,
    },
  },
];

const OPTIONS = { longs: Number, enums: Number, bytes: Buffer, defaults: true, arrays: true, objects: true } as const;

function readOrRefused(type: MessageType<Record<string, unknown>>, came: Buffer): void {
  try {
    type.decode(came);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
  }
}

for (const { file, tables } of TABLES) {
  const published = publishedTypes(file);
  for (const [name, table] of Object.entries(tables)) {
    const type = published.lookupType(name);
    const own = table as MessageType<Record<string, unknown>>;

    test(`${name}: the table has the fields of ${file}, at every depth`, (t) => {
      t.deepEqual(describeTable(own as unknown as MessageType<never>, type), describeType(type));
    });

    test(`${name}: what another implementation writes is read as it reads it, and the other way round`, (t) => {
      fc.assert(
        fc.property(anyMessage(type), (message) => {
          const written = type.encode(type.fromObject(message)).finish() as Buffer;
          t.deepEqual(plain(own.decode(written)), plain(type.toObject(type.decode(written), OPTIONS)));
          const back = type.toObject(type.decode(own.encode(message)), OPTIONS);
          t.deepEqual(plain(back), plain(type.toObject(type.fromObject(message), OPTIONS)));
        }),
        { numRuns: 60 },
      );
    });

    test(`${name}: two that follow each other are one, put together as protobuf says`, (t) => {
      fc.assert(
        fc.property(anyMessage(type), anyMessage(type), (a, b) => {
          const both = Buffer.concat([own.encode(a), own.encode(b)]);
          const expected = type.toObject(type.fromObject(merged(type, a, b)), OPTIONS);
          t.deepEqual(plain(own.decode(both)), plain(expected));
        }),
        { numRuns: 60 },
      );
    });

    test(`${name}: one that is cut, or has a byte changed, is read or refused`, (t) => {
      fc.assert(
        fc.property(anyMessage(type, 2), fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
          const whole = own.encode(message);
          for (let length = 0; length < Math.min(whole.length, 400); length++) {
            readOrRefused(own, whole.subarray(0, length));
          }
          if (whole.length > 0) whole[at % whole.length] = byte;
          readOrRefused(own, whole);
        }),
        { numRuns: 30 },
      );
      t.pass();
    });
  }
}
