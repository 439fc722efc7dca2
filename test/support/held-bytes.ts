import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in buffers that somebody of this process holds. What nobody holds is collected first: else the figure would hang on when that happens by itself. */
export function heldBytes(): number {
  collect();
  collect(); // what the first one has found is given back by the second
  return process.memoryUsage().arrayBuffers;
}
