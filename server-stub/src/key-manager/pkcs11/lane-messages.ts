import type { MessagePort } from 'node:worker_threads';
import type { TokenCall } from './token-calls.js';
import { faultOf, type TokenFault } from './token-failure.js';

export interface LaneRequest {
  readonly number: number;
  readonly call: TokenCall;
}

export type LaneReply = { readonly number: number } & ({ readonly answer: unknown } | { readonly fault: TokenFault });

/** Whatever carries calls out. */
interface CarriesOut {
  carryOut(call: TokenCall): unknown;
}

/** Carries out the calls that come through `port`, in their order. `open` is asked once, with the first. */
export function serveLane(port: Pick<MessagePort, 'on' | 'postMessage'>, open: () => CarriesOut): void {
  let session: CarriesOut | undefined;
  port.on('message', ({ number, call }: LaneRequest) => {
    let reply: LaneReply;
    try {
      session ??= open();
      reply = { number, answer: session.carryOut(call) };
    } catch (error) {
      const { fate, reason, pin } = faultOf(error);
      reply = { number, fault: { fate, reason, ...(pin && { pin }) } };
    }
    port.postMessage(reply);
  });
}
