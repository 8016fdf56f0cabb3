/** Strongly connected groups of more than one node, or of a node that names itself (Tarjan). */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, { index: number; low: number; open: boolean }>();
  const stack: string[] = [];
  const groups: string[][] = [];

  const visit = (node: string): { low: number } => {
    const own = { index: state.size, low: state.size, open: true };
    state.set(node, own);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const seen = state.get(next);
      if (seen === undefined) own.low = Math.min(own.low, visit(next).low);
      else if (seen.open) own.low = Math.min(own.low, seen.index);
    }
    if (own.low === own.index) {
      const group = stack.splice(stack.indexOf(node));
      for (const member of group) {
        const closed = state.get(member);
        if (closed !== undefined) closed.open = false;
      }
      if (group.length > 1 || (graph.get(node) ?? []).includes(node)) groups.push(group);
    }
    return own;
  };

  for (const node of graph.keys()) if (!state.has(node)) visit(node);
  return groups;
}
