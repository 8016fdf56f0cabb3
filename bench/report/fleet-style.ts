/** The page's style sheet. No font, image or script comes from elsewhere. */
export const FLEET_STYLE = `
:root { --ink: #1c2733; --soft: #5c6b7a; --line: #dde3ea; --paper: #ffffff; --card: #f6f8fa;
  --wave: #2563c9; --ordinary: #8fb4e8; --first: #e8a33d; --bad: #c0392b; --good: #1e8449; --warn: #b9770e; --second: #7d5fb2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #9aa8b7; --line: #33404d; --paper: #141a21; --card: #1c242d;
  --wave: #5b96f0; --ordinary: #8a97a8; --first: #e8a33d; --bad: #ef7a6d; --good: #5fc98a; --warn: #e0b04f; --second: #b39ae0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 28px 48px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 6px; }
h2 { font-size: 15px; margin: 0 0 8px; }
.lead { color: var(--soft); margin: 0 0 20px; }
.verdicts { list-style: none; margin: 0 0 24px; padding: 0; display: grid; gap: 8px; }
.verdicts li { padding: 10px 14px; border-left: 5px solid var(--soft); background: var(--card); border-radius: 0 6px 6px 0; }
.verdicts .good { border-color: var(--good); } .verdicts .bad { border-color: var(--bad); } .verdicts .warning { border-color: var(--warn); }
.verdicts b { margin-right: 6px; } .good b { color: var(--good); } .bad b { color: var(--bad); } .warning b { color: var(--warn); }
.marks { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 0 0 18px; padding: 0; list-style: none; color: var(--soft); font-size: 13.5px; }
.marks i { display: inline-block; width: 18px; height: 18px; line-height: 18px; margin-right: 6px; border-radius: 50%; text-align: center; font-style: normal; font-size: 11px; color: var(--paper); }
.marks .step i { background: var(--soft); } .marks .failure i { background: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 22px 26px; margin-bottom: 28px; }
figure { margin: 0; } .charts figure:first-child:nth-last-child(odd) { grid-column: 1 / -1; } figure figcaption { display: flex; justify-content: space-between; flex-wrap: wrap; gap: 2px 16px; }
.legend { color: var(--soft); font-size: 13px; } .legend span { margin-left: 12px; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; border-radius: 2px; vertical-align: -1px; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 13px; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .area { stroke: none; }
.line.wave { stroke: var(--wave); } .line.second { stroke: var(--second); } .line.bad { stroke: var(--bad); } .line.first { stroke: var(--first); }
.area.wave { fill: var(--wave); } .area.ordinary { fill: var(--ordinary); } .area.first { fill: var(--first); } .area.second { fill: var(--second); } .area.bad { fill: var(--bad); }
i.wave { background: var(--wave); } i.ordinary { background: var(--ordinary); } i.first { background: var(--first); } i.second { background: var(--second); } i.bad { background: var(--bad); }
.limit { stroke: var(--bad); stroke-dasharray: 5 4; } .limit-label { fill: var(--bad); font-size: 13px; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.mark { stroke-dasharray: 2 3; } .mark.step { stroke: var(--soft); } .mark.failure { stroke: var(--bad); }
.badge.step { fill: var(--soft); } .badge.failure { fill: var(--bad); } .badge-text { fill: var(--paper); font-size: 10px; }
.groups { columns: 3 300px; column-gap: 34px; } .groups > div { break-inside: avoid; margin-bottom: 22px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td { padding: 3px 0; border-bottom: 1px solid var(--line); } td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
footer { margin-top: 30px; color: var(--soft); font-size: 13px; }
@page { margin: 14mm; }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } body { font-size: 12px; } main { padding: 0; max-width: none; }
  figure, table, .verdicts li { break-inside: avoid; } .charts { grid-template-columns: 1fr 1fr; gap: 12px 18px; } .groups { columns: 3; } table { font-size: 11px; } }
`;
