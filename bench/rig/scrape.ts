import type { Program } from './program.js';

/** A page of metrics. */
export interface Scraped {
  /** The first sample of a metric; throws when there is none. */
  value(name: string): number;
  /** All samples of a metric, with their labels as they stand there. */
  samples(name: string): readonly { readonly labels: string; readonly value: number }[];
}

/** A program's own metrics, as its page shows them now. Scraping begins a new window of the event loop's figures. */
export async function scrape(program: Program): Promise<Scraped> {
  const url = program.logged(/"url":"(http:[^"]+)"/)?.[1];
  if (url === undefined) throw new Error(`${program.name} has not said where its metrics are`);
  const response = await fetch(`${url}/metrics`);
  const page = await response.text();
  return {
    value: (name) => {
      const shown = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1];
      if (shown === undefined) throw new Error(`${program.name} has no metric ${name}`);
      return Number(shown);
    },
    samples: (name) =>
      [...page.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))].map(([, labels = '', value]) => ({
        ...{ labels, value: Number(value) },
      })),
  };
}

/** What `monitorEventLoopDelay` shows of a loop that nothing delays: its own timer's 10 ms. */
const TIMER_MS = 10;

/** 99th percentile of the event loop's delay since the last scrape, in milliseconds. */
export async function eventLoopP99Ms(program: Program): Promise<number> {
  const page = await scrape(program);
  return Math.max(0, page.value('nodejs_eventloop_lag_p99_seconds') * 1000 - TIMER_MS);
}
