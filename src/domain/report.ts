/** What is told to the regulator about a person. */
export type Direction = 'connected' | 'disconnected';

/**
 * An account: one deptrans id as the regulator knows it, with what we believe, doubt and plan. The columns of `deptrans.reports` that
 * decisions are made by.
 */
export type Account = {
  deptransId: string;
  believed: boolean;
  doubt: boolean;
  parkedReason: string | null;
  parkUntil: Date | null;
  parkCount: number;
  attempts: number;
  region: string | null;
  sessionId: string | null;
  sessionEnd: Date | null;
  sessionOverAt: Date | null;
  /** When the regulator last told about the session. */
  sessionReadAt: Date | null;
  /** When to read a session that is not on yet; null: there is no hurry. */
  rereadAt: Date | null;
  outsideSince: Date | null;
  verifyAt: Date | null;
  /** When we last sent a report, or were about to, whatever became of it. Not the time it told. */
  lastSentAt: Date | null;
  /** What it told: true = CONNECTED. */
  lastTarget: boolean | null;
};

/** A profile of the account's owner, with what its driver does. */
export type OwnedProfile = {
  parkId: string;
  driverId: string;
  categories: readonly string[];
  connected: boolean;
  connectedAt: Date | null;
  seenAt: Date | null;
  /** The unsettled change of this profile, if there is one. */
  queued: { version: number; eventAt: Date; carriesEvent: boolean } | null;
};

/** One look at an account: everything a decision needs, read in one snapshot under the account's lock. */
export type Look = {
  account: Account;
  /** The person to whom the id is bound now. */
  owner: { person: string; personNo: number } | null;
  profiles: readonly OwnedProfile[];
  /** The database's time of the look. */
  now: Date;
};
