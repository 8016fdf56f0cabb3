/** The other end of a `Helper`: runs the commands that come over the channel; the process ends when the channel closes. */
export function serveCommands(commands: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  process.on('message', (message) => {
    const { id, name, args } = message as { id: number; name: string; args: never[] };
    const answer = (fields: object): void => void process.send?.({ id, ...fields });
    Promise.resolve()
      .then(() => {
        const command = commands[name];
        if (command === undefined) throw new Error(`no command ${name}`);
        return command(...args);
      })
      .then(
        (value) => answer({ value }),
        (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  // Ctrl-C in a terminal is meant for all processes; the parent decides what follows from it.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
}
