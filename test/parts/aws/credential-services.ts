import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CredentialServicesOptions {
  /** Of the AWS emulator, whose STS makes what is given out. */
  readonly stsUrl: string;
  /** Who may take on `role`. */
  readonly user: { readonly AccessKeyId: string; readonly SecretAccessKey: string };
  readonly role: string;
}

/**
 * What gives credentials to a program without a configured key, on loopback: the endpoint for containers (of ECS, or the Pod
 * Identity agent of EKS) and an instance's metadata service, version 2 only, both as AWS documents their protocols. The
 * credentials are real ones of a role, and end when they say so.
 */
export interface CredentialServices {
  /** For AWS_CONTAINER_CREDENTIALS_FULL_URI. */
  readonly containerUrl: string;
  /** For AWS_EC2_METADATA_SERVICE_ENDPOINT. */
  readonly instanceUrl: string;
  /** What the container's token file has to hold. */
  readonly containerToken: string;
  /** Credentials that were given out. */
  readonly given: () => number;
  /** How long the next ones are good, in seconds; 3600 at first. */
  lifetime(seconds: number): void;
  stop(): Promise<void>;
}

const CONTAINER_TOKEN = 'token-of-the-container';
const SESSION_TOKEN = 'session-of-the-metadata-service';
const ROLE_NAME = 'server-profile';
const ROLE_PATH = '/latest/meta-data/iam/security-credentials/';

export async function startCredentialServices(options: CredentialServicesOptions): Promise<CredentialServices> {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = options.user;
  const credentials = { accessKeyId, secretAccessKey };
  const sts = new STSClient({ region: 'us-east-1', endpoint: options.stsUrl, credentials });
  let seconds = 3600;
  let given = 0;
  const fresh = async () => {
    const command = { RoleArn: options.role, RoleSessionName: 'machine', DurationSeconds: seconds };
    const { Credentials } = await sts.send(new AssumeRoleCommand(command));
    given++;
    const { AccessKeyId, SecretAccessKey, SessionToken: Token, Expiration } = Credentials ?? {};
    return { AccessKeyId, SecretAccessKey, Token, Expiration: `${Expiration?.toISOString().slice(0, 19) ?? ''}Z` };
  };
  const server = createServer((request, response) => {
    respond(request, fresh).then(
      ({ status, body }) => answer(response, status, body),
      (error: unknown) => answer(response, 500, String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    containerUrl: `${url}/v1/credentials`,
    instanceUrl: url,
    containerToken: CONTAINER_TOKEN,
    given: () => given,
    lifetime: (next) => (seconds = next),
    stop: async () => {
      sts.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string | object;
}

async function respond({ method, url, headers }: IncomingMessage, fresh: () => Promise<object>): Promise<Answer> {
  if (method === 'GET' && url === '/v1/credentials') {
    if (headers.authorization !== CONTAINER_TOKEN) return { status: 401, body: 'no such token' };
    return { status: 200, body: await fresh() };
  }
  if (url === '/latest/api/token') {
    const ttl = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
    if (method !== 'PUT') return { status: 405, body: '' };
    return ttl >= 1 && ttl <= 21_600 ? { status: 200, body: SESSION_TOKEN } : { status: 400, body: '' };
  }
  // Version 1, which needs no session, is switched off.
  if (headers['x-aws-ec2-metadata-token'] !== SESSION_TOKEN) return { status: 401, body: '' };
  if (method === 'GET' && url === ROLE_PATH) return { status: 200, body: ROLE_NAME };
  if (method === 'GET' && url === ROLE_PATH + ROLE_NAME) {
    const more = { Code: 'Success', Type: 'AWS-HMAC', LastUpdated: new Date().toISOString() };
    return { status: 200, body: { ...more, ...(await fresh()) } };
  }
  return { status: 404, body: '' };
}

function answer(response: ServerResponse, status: number, body: string | object): void {
  const json = typeof body === 'object';
  response.writeHead(status, { 'content-type': json ? 'application/json' : 'text/plain' });
  response.end(json ? JSON.stringify(body) : body);
}
