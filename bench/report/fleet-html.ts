import type { Foresight } from '../fleet/foresee.js';

export function fleetHtml(foresight: Foresight): string {
  return foresight.report.name;
}
