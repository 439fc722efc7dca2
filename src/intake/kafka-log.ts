import { type LogEntry, logLevel } from 'kafkajs';
import { type Log, scrub } from '../runtime/log.ts';

/**
 * kafkajs' log through ours, a level lower: what it calls an error it mostly retries, and a rebalance, which it logs once per heartbeat,
 * is everyday life.
 */
export function kafkaLogTo(log: Log): () => (entry: LogEntry) => void {
  return () => (entry) => {
    const { message, error } = entry.log;
    const fields = { kafkajs: entry.namespace, ...(typeof error === 'string' && { cause: scrub(error) }) };
    const everyday = /rebalanc|heartbeat/i.test(`${message} ${error ?? ''}`);
    if (everyday || entry.level > logLevel.WARN) log.debug(fields, scrub(message));
    else if (entry.level === logLevel.WARN) log.info(fields, scrub(message));
    else log.warn(fields, scrub(message));
  };
}
