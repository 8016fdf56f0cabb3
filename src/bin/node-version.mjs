// Old syntax only, no imports: an unsupported Node must get far enough to say so.
var LEAST = [20, 19];

/** Ends the process with one sentence when this Node is older than 20.19. */
export function refuseOldNode() {
  var parts = process.versions.node.split('.').map(Number);
  if (parts[0] > LEAST[0] || (parts[0] === LEAST[0] && parts[1] >= LEAST[1])) return;
  console.error(
    'Error: Node.js ' +
      LEAST.join('.') +
      ' or newer is needed, this is ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').',
  );
  process.exit(1);
}
