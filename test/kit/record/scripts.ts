import { policyScript } from './policy-script.ts';
import type { Script, Stage } from './recorder.ts';

const ONLINE = { status: 'online', region: 'moscow', ends: 600, isEstimate: true };

const online = (...people: string[]) => Object.fromEntries(people.map((person) => [person, ONLINE]));

const isChanges = ({ frame }: { frame: { case: string | undefined } }) => frame.case === 'changes';

/** Each commit by itself, and the frame that it becomes. */
async function seeEach(stage: Stage, ...works: Parameters<Stage['commit']>[0][]): Promise<void> {
  for (const work of works) {
    await stage.commit(work);
    await stage.see(isChanges);
  }
}

const statuses: Script = {
  name: 'statuses',
  about: 'Shifts: a snapshot, deltas of every kind, a resume elsewhere, a catch-up after a long absence.',
  stream: 'statuses',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna', 'park-2/anna', 'park-3/anna'));
    await stage.commit((town) => town.give('boris', 'park-1/boris'));
    await stage.commit((town) => town.give('vera', 'парк-4/водитель-вера', 'park-🚕/véra'));
    await stage.commit((town) => town.give('galina', 'park-1/galina'));
    await stage.commit((town) =>
      town.shift({ ...online('anna', 'vera'), boris: { status: 'issued', region: 'tver' } }),
    );
    await stage.open('kit-1');
    await stage.open('kit-2');
    await stage.watch('kit-1');
    await stage.beat();
    await seeEach(
      stage,
      (town) => town.shift(online('galina')),
      (town) => town.shift({ anna: { ...ONLINE, ends: 540 } }),
      (town) => town.shift({ boris: { status: 'unrecognised', raw: 'НА_ПАУЗЕ' } }),
      (town) => town.give('boris', 'park-2/anna'),
      (town) => town.give(null, 'park-3/anna'),
    );
    await stage.beat();
    await seeEach(
      stage,
      (town) => town.shift({ boris: null, vera: { status: 'finished', region: 'moscow', ends: 20 } }),
      (town) => town.remove('park-🚕/véra'),
      (town) => town.shift({ boris: { status: 'canceled', ends: null } }),
    );
    await stage.beat();
    stage.leave();
    await stage.commit((town) => town.give('galina', 'park-9/galina'));
    await stage.commit((town) => town.shift({ galina: null }));
    await stage.watch('kit-2');
    await stage.beat();
    stage.leave();
    for (const ends of [500, 510, 520]) await stage.commit((town) => town.shift({ anna: { ...ONLINE, ends } }));
    await stage.commit((town) => town.shift(online('galina')));
    await stage.commit((town) => town.shift({ vera: null, galina: null }));
    await stage.commit((town) => town.remove('park-2/anna'));
    await stage.open('kit-3');
    await stage.watch('kit-3');
    await stage.beat();
    await seeEach(stage, (town) => town.shift(online('galina')));
    await stage.beat();
  },
};

const ids: Script = {
  name: 'ids',
  about: 'Ids: bound, bound to another person, unbound; profiles that change hands or go; a resume and a catch-up.',
  stream: 'ids',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna', 'park-2/anna'));
    await stage.commit((town) => town.give('boris', 'park-1/boris'));
    await stage.commit((town) => town.give('vera', 'парк-4/водитель-вера'));
    await stage.commit((town) => town.give(null, 'park-1/nobody'));
    await stage.commit((town) => town.bind({ anna: '1234567', vera: '42' }));
    await stage.open('kit-1');
    await stage.open('kit-2');
    await stage.watch('kit-1');
    await stage.beat();
    await seeEach(
      stage,
      (town) => town.bind({ anna: null, boris: '1234567' }),
      (town) => town.give('dina', 'park-5/dina', 'park-1/nobody'),
      (town) => town.give('vera', 'park-2/anna'),
      (town) => town.bind({ dina: '77' }),
      (town) => town.bind({ vera: { id: '42', state: 'recheck' }, boris: { id: '1234567', state: 'rejected' } }),
      (town) => town.remove('парк-4/водитель-вера'),
    );
    await stage.beat();
    stage.leave();
    await stage.commit((town) => town.bind({ dina: null }));
    await stage.commit((town) => town.bind({ anna: '77' }));
    await stage.watch('kit-2');
    await stage.beat();
    stage.leave();
    await stage.commit((town) => town.give(null, 'park-1/boris'));
    await stage.commit((town) => town.remove('park-1/nobody'));
    await stage.open('kit-3');
    await stage.watch('kit-3');
    await stage.beat();
  },
};

const reset: Script = {
  name: 'reset',
  about:
    'The copy must be dropped: the history is replaced in mid-stream, and while the consumer is away; the cursor is too old.',
  stream: 'statuses',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna', 'park-2/anna'));
    await stage.commit((town) => town.give('boris', 'park-1/boris'));
    await stage.commit((town) => town.shift(online('anna', 'boris')));
    await stage.open('kit-1');
    await stage.watch('kit-1');
    await stage.beat();
    await stage.quietly((town) => town.nextEpoch());
    await stage.see(({ frame }) => frame.case === 'snapshotEnd');
    await stage.beat();
    stage.leave();
    await stage.commit((town) => town.shift({ boris: null }));
    await stage.quietly((town) => town.nextEpoch());
    await stage.open('kit-2');
    await stage.watch('kit-2');
    await stage.beat();
    stage.leave();
    const removed = await stage.commit((town) => town.remove('park-2/anna'));
    await stage.quietly((town) => town.forgetThrough(removed));
    await stage.commit((town) => town.shift(online('boris')));
    await stage.open('kit-3');
    await stage.watch('kit-3');
    await stage.beat();
  },
};

const regions: Script = {
  name: 'regions',
  about: 'A filter by region: what leaves it comes as deleted, there are no digests; another filter means a reset.',
  stream: 'statuses',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna', 'park-2/anna'));
    await stage.commit((town) => town.give('boris', 'park-1/boris'));
    await stage.commit((town) => town.shift({ anna: ONLINE, boris: { ...ONLINE, region: 'tver' } }));
    await stage.open('kit-1');
    await stage.watch('kit-1', { regions: ['moscow'] });
    await stage.beat();
    await seeEach(
      stage,
      (town) => town.shift({ anna: { ...ONLINE, region: 'tver' } }),
      (town) => town.shift({ boris: ONLINE }),
      (town) => town.shift({ boris: { status: 'online' } }),
      (town) => town.shift({ anna: ONLINE }),
    );
    await stage.beat();
    stage.leave();
    await stage.watch('kit-1', { regions: ['moscow', 'tver'] });
    await stage.beat();
  },
};

const goAway: Script = {
  name: 'go-away',
  about: 'The instance stops: go_away, the stream ends as UNAVAILABLE, the consumer goes on at another one.',
  stream: 'ids',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna'));
    await stage.open('kit-1');
    await stage.open('kit-2');
    await stage.watch('kit-1');
    await stage.beat();
    await seeEach(stage, (town) => town.bind({ anna: '1' }));
    await stage.stop();
    await stage.commit((town) => town.bind({ anna: null }));
    await stage.watch('kit-2');
    await stage.beat();
  },
};

const cutSnapshot: Script = {
  name: 'cut-snapshot',
  about:
    'The connection breaks in the middle of a snapshot: the next one goes on from there, without snapshot_begin and snapshot_end.',
  stream: 'statuses',
  async play(stage) {
    const all = Array.from({ length: 600 }, (_, i) => `${i + 1}`);
    await stage.commit((town) => town.give('anna', 'park-1/anna'));
    await stage.commit((town) => town.giveEach(all));
    await stage.commit((town) =>
      town.shift({ ...online('anna'), ...Object.fromEntries(all.map((n) => [n, { status: 'online' }])) }),
    );
    await stage.open('kit-1');
    await stage.open('kit-2');
    await stage.watch('kit-1', { until: isChanges });
    stage.leave();
    await stage.commit((town) => town.shift({ anna: null, 2: null, 600: null }));
    await stage.commit((town) => town.remove('p/3'));
    await stage.watch('kit-2');
    await stage.see(isChanges);
    await stage.beat();
  },
};

export const SCRIPTS: readonly Script[] = [statuses, ids, reset, regions, goAway, cutSnapshot, policyScript];
