import { setTimeout as delay } from 'node:timers/promises';
import { CUSTODIES } from './custodies.js';
import {
  axisOf,
  custodyOf,
  FAULT_ROWS,
  upstreamOf,
  type Axis,
  type Behaviour,
  type FaultName,
  type FaultRow,
  type Tried,
} from './fault-table.js';
import { demand, LabDeployment, sectionOf } from './lab-deployment.js';
import { Cleanup, type Lab } from './lab.js';
import { startSlowToken } from './slow-token.js';
import type { Spoilable } from './spoil.js';
import { UPSTREAMS } from './upstreams.js';

const READY = 'Serving metrics and health';
/** What a server says that waits for a key service. */
const WAITING = /Waiting for |is away|tried again/;
/** Until it has said either, on a busy machine. */
const PATIENCE_MS = 60_000;

/** Every row of one provider on one deployment; answers what was seen in place of what is stated. Throws when it does not recover. */
export async function runFaults(provider: Tried, lab: Lab): Promise<readonly FaultRow[]> {
  const cleanup = new Cleanup();
  try {
    const provided = await begin(provider, lab, cleanup);
    const deployment = await LabDeployment.make(lab, cleanup, [provided], sectionsOf(provider, provided));
    await deployment.start();
    await deployment.startAgent();
    const seen: FaultRow[] = [];
    for (const { fault } of FAULT_ROWS.filter((row) => row.provider === provider)) {
      const scene = new Scene(deployment, provided, fault, axisOf(provider));
      const steady = await scene.steady();
      const rotation = await scene.rotation();
      const start = await scene.start();
      seen.push({ provider, fault, start, rotation, steady });
    }
    deployment.requireNoGap();
    return seen;
  } finally {
    await cleanup.all();
  }
}

function begin(provider: Tried, lab: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const custody = custodyOf(provider);
  if (custody === undefined) return UPSTREAMS[upstreamOf(provider)](lab, cleanup);
  return custody === 'pkcs11Tpm' ? startSlowToken(lab, cleanup) : CUSTODIES[custody](lab, cleanup);
}

function sectionsOf(provider: Tried, { extension }: Spoilable): readonly object[] {
  const section = custodyOf(provider) === undefined ? 'UpstreamAuthority' : 'KeyManager';
  return extension === undefined ? [] : [sectionOf(section, extension)];
}

/** One fault at one provider. */
class Scene {
  readonly #deployment: LabDeployment;
  readonly #provided: Spoilable;
  readonly #fault: FaultName;
  readonly #axis: Axis;

  constructor(deployment: LabDeployment, provided: Spoilable, fault: FaultName, axis: Axis) {
    this.#deployment = deployment;
    this.#provided = provided;
    this.#fault = fault;
    this.#axis = axis;
  }

  async steady(): Promise<Behaviour> {
    await this.#begin();
    const { code, stderr } = await this.#deployment.jwt();
    const told = code === 0 || stderr.includes('no SVID can be issued at the moment');
    demand(told, `${this.#fault}, steady: ${stderr}`);
    this.#requireUnasked('steady', this.#axis === 'key manager');
    await this.#end();
    await this.#deployment.jwtAgain();
    return code === 0 ? 'signs' : 'UNAVAILABLE';
  }

  async rotation(): Promise<Behaviour> {
    const before = JSON.stringify(await this.#deployment.keys());
    await this.#begin();
    const { code, stderr } = await this.#deployment.keyset('prepare');
    if (code === 0) {
      await this.#end();
      return 'rotates';
    }
    demand(/^Error: \S+ \S+ \S+/m.test(stderr), `${this.#fault}, rotation: ${stderr}`);
    demand(JSON.stringify(await this.#deployment.keys()) === before, `${this.#fault}, rotation: the ring changed`);
    await this.#end();
    await this.#deployment.keysetDone('prepare');
    return 'refused';
  }

  async start(): Promise<Behaviour> {
    const before = JSON.stringify(await this.#deployment.keys());
    await this.#deployment.kill();
    await this.#begin();
    const server = await this.#deployment.launch();
    const ended = server.ended.then(() => 'ends' as const);
    const behaviour = await Promise.race([ended, this.#readyOrWaiting()]);
    this.#requireUnasked('start', this.#axis !== 'upstream authority');
    await this.#end();
    if (behaviour === 'ends') await this.#deployment.start();
    else await server.says(READY);
    demand(JSON.stringify(await this.#deployment.keys()) === before, `${this.#fault}, start: the ring changed`);
    await this.#deployment.jwtAgain();
    return behaviour;
  }

  async #readyOrWaiting(): Promise<'starts' | 'waits'> {
    for (let waited = 0; waited < PATIENCE_MS; waited += 100) {
      const said = this.#deployment.server.output();
      if (said.includes(READY)) return 'starts';
      if (WAITING.test(said)) return 'waits';
      await delay(100);
    }
    throw new Error(`${this.#fault}, start: silent: ${this.#deployment.server.output()}`);
  }

  /** Calls since the fault began; `expected`: this phase needs the service. */
  #requireUnasked(phase: string, expected: boolean): void {
    const calls = this.#provided.proxy?.calls ?? 0;
    demand(expected || calls === 0, `${this.#fault}, ${phase}: the service was asked ${calls} times`);
  }

  async #begin(): Promise<void> {
    this.#provided.proxy?.forget();
    if (this.#fault === 'away') return this.#provided.down();
    demand(this.#provided.spoil !== undefined, `${this.#fault} cannot be made here`);
    await this.#provided.spoil(this.#fault);
  }

  async #end(): Promise<void> {
    if (this.#fault === 'away') await this.#provided.up();
    else await this.#provided.spoil?.(undefined);
  }
}
