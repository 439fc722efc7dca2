import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Db } from './database.ts';

const FOLDER = join(import.meta.dirname, '../../migrations');

/**
 * Brings the database up to the code: numbered plain SQL, forward only, in one transaction under a lock, so that N instances may start at once.
 * Throws if the database has migrations that the code does not (it is newer), and then changes nothing.
 */
export async function migrate(db: Db): Promise<void> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  const migrations: Record<string, Migration> = {};
  for (const name of names) {
    const text = await readFile(join(FOLDER, name), 'utf8');
    migrations[name.replace(/\.sql$/, '')] = { up: async (tx) => void (await sql.raw(text).execute(tx)) };
  }
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    migrationTableSchema: 'deptrans',
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (!error) return;
  const newer = error instanceof Error && /previously executed migration (\S+) is missing/.exec(error.message)?.[1];
  throw newer
    ? new Error(`The database is newer than this code (it has migration ${newer}). Run a newer version.`)
    : error;
}
