import type { AdminClient } from '../../server-stub/cli/admin-client.js';
import type { AgentAccess } from './light-fleet-options.js';
import type { SlowKeyService } from './slow-key-service.js';

/** The server that a live run drives. */
export interface LiveTarget {
  readonly trustDomain: string;
  readonly deploymentName: string;
  readonly access: AgentAccess;
  /** Of a server that was started for the run and has a key manager outside. */
  readonly keyService: SlowKeyService | undefined;
  /** Where the steps of the rotation are run. */
  admin(): Promise<AdminClient>;
  end(how: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  again(): Promise<void>;
  stop(): Promise<void>;
}
