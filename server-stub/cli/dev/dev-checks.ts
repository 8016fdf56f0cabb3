import { X509Certificate } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { firstOf, WorkloadClient } from 'spirl-agent/runtime/workload-client.js';
import { AdminClient } from '../admin-client.js';
import type { TrustDomainInfo } from '../admin-messages.js';
import { failureText } from '../failure.js';
import { probeSocket } from '../probe-socket.js';

/** A slow machine under load; a program that has ended is noticed at once. */
const START_MS = 60_000;
const PAUSE_MS = 25;

/** The SVID that `dev` fetched for itself. */
export interface OwnSvid {
  readonly spiffeId: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly keysetId: string;
}

/** Waits until the server answers. */
export async function serverAnswers(
  adminSocket: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ client: AdminClient; info: TrustDomainInfo }> {
  const address = { path: adminSocket, source: 'default' } as const;
  return untilReady('the server', clock, signal, async () => {
    const client = await AdminClient.connect(address, () => clock.now(), signal);
    try {
      return { client, info: await client.call('trustdomain.TrustDomainInfo', { trustDomain: '' }) };
    } catch (error) {
      client.close();
      throw error;
    }
  });
}

/** Waits until the agent gives this process an X.509-SVID. */
export async function ownSvid(agentSocket: string, clock: Clock, signal: AbortSignal): Promise<OwnSvid> {
  return untilReady('the agent', clock, signal, async () => {
    // A gRPC client that could not connect does so once more after it was closed, and then stays connected.
    const cause = await probeSocket(agentSocket);
    if (cause !== undefined) throw new SpirlError('UNAVAILABLE', `${agentSocket}: ${cause.code ?? ''}`, { cause });
    const client = new WorkloadClient({ scheme: 'unix', path: agentSocket });
    try {
      const { svids } = await firstOf(client.x509Svids(signal));
      const [svid] = svids;
      if (svid === undefined) throw new SpirlError('UNAVAILABLE', 'it sent no SVID');
      const leaf = new X509Certificate(svid.x509Svid);
      return {
        spiffeId: svid.spiffeId,
        serial: leaf.serialNumber.toLowerCase(),
        expiresAt: Date.parse(leaf.validTo),
        keysetId: /^CN=(.+)$/m.exec(leaf.issuer)?.[1] ?? 'unknown',
      };
    } finally {
      client.close();
    }
  });
}

async function untilReady<T>(what: string, clock: Clock, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const until = clock.monotonic() + START_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      // A refusal does not go away by asking again.
      if (hasCode(error, 'NO_IDENTITY_ISSUED', 'UNIMPLEMENTED')) throw error;
      if (clock.monotonic() >= until) {
        const reason = failureText(error).replace(/^Error: /, '');
        throw new SpirlError('UNAVAILABLE', `${what} was not ready after ${START_MS / 1000} s: ${reason}`, {
          cause: error,
        });
      }
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}
