import { RENEWALS_PER_SECOND, RenewalGate } from '../../src/svid/renewal-gate.js';

/** What one core of a server issues per second, and where that is from. */
export interface MeasuredCapacity {
  readonly perSecond: number;
  readonly from: string;
}

interface Results {
  readonly about?: string;
  readonly rows?: readonly {
    readonly id?: string;
    readonly figures?: readonly { readonly name?: string; readonly absolute?: Readonly<Record<string, string>> }[];
  }[];
}

const ROW = 'B3';
const FIGURE = 'per server CPU second';

/**
 * The capacity that a results file of the benchmark shows: row B3, X.509-SVIDs per CPU second of the server. It is measured for messages
 * of 1 and of 10; an agent's renewals go out as its gate lets them, and a message costs a fixed part and a part per SVID, so what lies
 * between is reckoned from both. Throws when `text` has no such figures.
 */
export function measuredCapacity(text: string, file: string): MeasuredCapacity {
  const { about = 'of unknown date', rows = [] } = parsed(text, file);
  const figures = rows.find(({ id }) => id === ROW)?.figures ?? [];
  const rateOf = (batch: number): number => {
    const figure = figures.find(({ name = '' }) => name.startsWith(`X.509 in batches of ${batch},`));
    const rate = Number(figure?.absolute?.[FIGURE]);
    if (rate > 0) return rate;
    throw new Error(
      `${file}: row ${ROW} with "${FIGURE}" of X.509-SVIDs in batches of ${batch} is expected; npm run bench -- B3 writes it`,
    );
  };
  const [one, ten] = [1 / rateOf(1), 1 / rateOf(10)];
  const perMessage = Math.max(0, (one - ten) / (1 - 1 / 10));
  const batch = new RenewalGate().release(RENEWALS_PER_SECOND, 0);
  const perSecond = Math.round(1 / (one - perMessage + perMessage / batch));
  return { perSecond, from: `one core, messages of ${batch}: row ${ROW} of ${file}, ${about}` };
}

function parsed(text: string, file: string): Results {
  try {
    return (JSON.parse(text) ?? {}) as Results;
  } catch (cause) {
    throw new Error(`${file}: a results file of npm run bench (JSON) is expected`, { cause });
  }
}
