/** A figure whose ratio holds on a busy machine, and by how much it may be worse than in the baseline. */
export interface GuardedFigure {
  readonly row: string;
  readonly figure: string;
  /** Whether a greater ratio is better or worse. */
  readonly better: 'greater' | 'smaller';
  /** 0.3: up to 30 % worse. How it was chosen: docs/performance.md. */
  readonly tolerance: number;
}

const guarded = (row: string, figure: string, better: GuardedFigure['better'], tolerance: number): GuardedFigure => ({
  row,
  figure,
  better,
  tolerance,
});

/** Latencies and wall times are not among them: what else runs on the machine decides those. */
export const GUARDED_FIGURES: readonly GuardedFigure[] = [
  guarded('B1', 'X.509-SVIDs per CPU second', 'greater', 0.5),
  guarded('B1', 'JS heap per SVID, of 4 KiB', 'smaller', 0.25),
  guarded('B3', 'X.509 in batches of 1, of SPIRE seen', 'greater', 0.6),
  guarded('B3', 'X.509 in batches of 100, of SPIRE seen', 'greater', 0.5),
  guarded('B3', 'JWT, one per call, of SPIRE seen', 'greater', 0.75),
  guarded('B4', 'JWT-SVIDs signed per CPU second', 'greater', 0.35),
  guarded('B4', 'JWT-SVIDs validated per CPU second', 'greater', 0.5),
  guarded('B5', 'CPU per fetch, one at a time (SPIRE seen)', 'smaller', 1),
  guarded('B5', 'CPU per fetch, 32 in flight (0.75 of SPIRE seen)', 'smaller', 1),
  guarded('B5', 'cached JWT, CPU per fetch', 'smaller', 1),
  guarded('B6', 'update to 1000 streams, CPU', 'smaller', 0.75),
  guarded('B7', 'memory per open stream, of 2000', 'smaller', 0.4),
  guarded('B8', 'SVIDs per server CPU second at the knee, of B3 in batches of 50', 'greater', 0.5),
  guarded('B10', 'taint to 500 agents, CPU with acknowledgements', 'smaller', 1),
];
