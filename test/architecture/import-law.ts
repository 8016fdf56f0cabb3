/** A place that an import can come from or go to. */
interface Place {
  readonly part: 'root' | 'server' | 'bench' | 'test';
  /** Folder below `src/`; `cli` for a command line, `compose` for a composition root. */
  readonly room: string;
}

function placeOf(path: string): Place {
  const [first = '', second = '', third = ''] = path.split('/');
  if (first === 'test' || first === 'bench') return { part: first, room: '' };
  if (first === 'src') return { part: 'root', room: second.endsWith('.ts') ? 'compose' : second };
  if (second === 'cli') return { part: 'server', room: 'cli' };
  return { part: 'server', room: third.endsWith('.ts') ? 'compose' : third };
}

/** Why the file `from` must not import the file `to`; `undefined` when it may. */
export function whyForbidden(from: string, to: string): string | undefined {
  const [a, b] = [placeOf(from), placeOf(to)];
  if (a.part === 'test' || a.part === 'bench') return undefined;
  if (b.part === 'test' || b.part === 'bench') return 'products never import tests or benchmarks';
  if (a.part === 'root' && b.part === 'server') return 'the agent package never imports the server';
  if (a.part === 'server' && b.part === 'root') {
    if (b.room !== 'domain' && b.room !== 'runtime') return 'of the agent package only domain and runtime are public';
    return undefined;
  }
  if (a.room === b.room) return undefined;
  if (a.room === 'runtime') return 'runtime imports nothing of ours';
  if (a.room === 'domain') {
    return b.room === 'runtime' && to === 'src/runtime/errors.ts' ? undefined : 'domain imports runtime/errors only';
  }
  if (a.room === 'compose') return undefined;
  if (b.room === 'domain' || b.room === 'runtime') return undefined;
  if (b.room === 'compose') return 'nobody imports a composition root';
  if (a.part === 'server' && a.room === 'issuance') return undefined;
  return `a stage imports domain and runtime only: declare in ${a.room} what it needs of ${b.room}`;
}

/** Why a package must not be imported by `from`; `undefined` when it may. */
export function whyPackageForbidden(from: string, specifier: string): string | undefined {
  const only: Record<string, string> = {
    '@peculiar/x509': 'src/runtime/x509.ts',
    'reflect-metadata': 'src/runtime/x509.ts',
    koffi: 'src/runtime/libc.ts',
  };
  const owner = only[specifier];
  if (owner !== undefined && owner !== from) return `only ${owner} imports ${specifier}`;
  if (specifier.startsWith('@grpc/') && !speaksGrpc(from)) return `${roomOf(from)} does not know gRPC`;
  return undefined;
}

/** The rooms that meet a wire; all others see neither gRPC nor messages. */
const WIRE = new Set(['runtime', 'workload-api', 'issuer-client', 'api', 'cli', 'telemetry', 'compose']);

function roomOf(path: string): string {
  return placeOf(path).room;
}

function speaksGrpc(path: string): boolean {
  const { part, room } = placeOf(path);
  return part === 'test' || part === 'bench' || WIRE.has(room);
}
