import type { Failure } from './failure-settings.js';

/** One thing that happens at one moment because of a failure of the scenario. */
export type Turn =
  | { readonly atMs: number; readonly turn: 'lose replica' | 'return replica'; readonly replica: number }
  | { readonly atMs: number; readonly turn: 'quota'; readonly perSecond: number | undefined }
  | { readonly atMs: number; readonly turn: 'key manager away' | 'key manager back' }
  | { readonly atMs: number; readonly turn: 'cut zone' | 'heal zone'; readonly zone: number }
  | { readonly atMs: number; readonly turn: 'restart agents'; readonly share: number; readonly overMs: number };

/** The failures of a scenario as turns; replicas of a zone that is cut off are lost to all others. */
export function turnsOf(failures: readonly Failure[], replicas: number, zones: number): readonly Turn[] {
  const away = (replica: number, from: number, to: number): Turn[] => [
    { atMs: from, turn: 'lose replica', replica },
    { atMs: to, turn: 'return replica', replica },
  ];
  return failures.flatMap((failure): Turn[] => {
    const { atMs } = failure;
    switch (failure.what) {
      case 'replicas lost':
        return range(failure.count).flatMap((replica) => away(replica, atMs, atMs + failure.forMs));
      case 'rolling upgrade':
        return range(replicas).flatMap((replica) => {
          const from = atMs + replica * failure.eachMs;
          return away(replica, from, from + failure.eachMs);
        });
      case 'zone cut off':
        return [
          { atMs, turn: 'cut zone', zone: failure.zone },
          { atMs: atMs + failure.forMs, turn: 'heal zone', zone: failure.zone },
          ...range(replicas)
            .filter((replica) => zones > 1 && replica % zones === failure.zone)
            .flatMap((replica) => away(replica, atMs, atMs + failure.forMs)),
        ];
      case 'key manager throttled':
        return [
          { atMs, turn: 'quota', perSecond: failure.quota },
          { atMs: atMs + failure.forMs, turn: 'quota', perSecond: undefined },
        ];
      case 'key manager away':
        return [
          { atMs, turn: 'key manager away' },
          { atMs: atMs + failure.forMs, turn: 'key manager back' },
        ];
      case 'agents restarted':
        return [{ atMs, turn: 'restart agents', share: failure.share, overMs: failure.overMs }];
    }
  });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
