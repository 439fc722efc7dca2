import type { Profiles, ProfileUpdate } from '../clients/profiles.ts';
import { deleteUnseenMappings, writeMappings } from '../store/mirror-profiles.ts';
import type { StreamKind } from './stream.ts';

/** The copy of driver-profiles: who is behind a profile. Each change is published to the feed. */
export function profilesStream({ updates }: Profiles): StreamKind<ProfileUpdate> {
  return { name: 'profiles', updates, write: writeMappings, purge: deleteUnseenMappings };
}
