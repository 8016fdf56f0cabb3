import type { CliCommand } from './cli-command.js';
import { agentEvict } from './commands/agent-evict.js';
import { agentList } from './commands/agent-list.js';
import { clusterKeyAdd } from './commands/cluster-key-add.js';
import { clusterKeyDelete } from './commands/cluster-key-delete.js';
import { clusterKeyList } from './commands/cluster-key-list.js';
import { clusterList } from './commands/cluster-list.js';
import { clusterRegister } from './commands/cluster-register.js';
import { completion } from './commands/completion.js';
import { configGet } from './commands/config-get.js';
import { configSet } from './commands/config-set.js';
import { configValidate } from './commands/config-validate.js';
import { contextList } from './commands/context-list.js';
import { contextUse } from './commands/context-use.js';
import { dev } from './commands/dev.js';
import { login } from './commands/login.js';
import { trustBundleGet } from './commands/trust-bundle-get.js';
import { keysetActivate } from './commands/trust-domain-deployment-keyset-activate.js';
import { keysetList } from './commands/trust-domain-deployment-keyset-list.js';
import { keysetPrepare } from './commands/trust-domain-deployment-keyset-prepare.js';
import { keysetRemove } from './commands/trust-domain-deployment-keyset-remove.js';
import { keysetRewrap } from './commands/trust-domain-deployment-keyset-rewrap.js';
import { keysetTaint } from './commands/trust-domain-deployment-keyset-taint.js';
import { trustDomainInfo } from './commands/trust-domain-info.js';
import { version } from './commands/version.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly CliCommand[] = [
  dev,
  login,
  contextList,
  contextUse,
  trustDomainInfo,
  keysetList,
  keysetPrepare,
  keysetActivate,
  keysetTaint,
  keysetRemove,
  keysetRewrap,
  trustBundleGet,
  clusterRegister,
  clusterList,
  clusterKeyAdd,
  clusterKeyList,
  clusterKeyDelete,
  agentList,
  agentEvict,
  configSet,
  configGet,
  configValidate,
  version,
  completion,
];

/** What the help says about words that are no command by themselves. */
export const GROUPS: Readonly<Record<string, string>> = {
  context: 'Servers that were logged in to.',
  'trust-domain': 'Trust domains, their deployments and keysets.',
  'trust-domain deployment': 'Deployments of a trust domain.',
  'trust-domain deployment keyset': 'Signing keysets: prepare, activate, taint, wait, remove.',
  'trust-bundle': 'Trust bundles.',
  cluster: 'Clusters (node groups) of agents.',
  'cluster key': 'Keys by which agents prove that they belong to a cluster.',
  agent: 'Agents that logged in.',
  config: 'Managed configuration.',
};
