import { type Holder, openTokenMaker } from '../keys/keys.ts';

/** Gives the token of somebody, made anew before it expires. */
export type Bearer = () => Promise<string>;

const TTL_MS = 3_600_000;

/** By the keys of a folder; without a folder nobody needs a token. */
export async function openBearers(folder: string | null): Promise<(holder: Holder) => Bearer | null> {
  if (folder === null) return () => null;
  const maker = await openTokenMaker(folder);
  return (holder) => {
    let token: Promise<string> | null = null;
    let untilMs = 0;
    return () => {
      if (token && performance.now() < untilMs) return token;
      untilMs = performance.now() + TTL_MS / 2;
      token = maker.token(holder, TTL_MS);
      return token;
    };
  };
}
