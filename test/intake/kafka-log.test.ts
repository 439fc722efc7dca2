import { logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { kafkaLogTo } from '../../src/intake/kafka-log.ts';
import { openLog } from '../../src/runtime/log.ts';

test.each([
  [logLevel.ERROR, 'Connection error', 'warn'],
  [logLevel.WARN, 'Something odd', 'info'],
  [logLevel.INFO, 'Stopped', 'debug'],
  [logLevel.ERROR, 'The group is rebalancing, re-joining', 'debug'],
])('level %i, %j, comes a level lower: %s', (level, message, expected) => {
  const lines: string[] = [];
  const log = openLog('trace', { write: (line) => void lines.push(line) });
  const error = "driver '79161234567' at 10.0.0.1:19092";
  kafkaLogTo(log)()({
    namespace: 'Consumer',
    level,
    label: 'x',
    log: { timestamp: '', message, error, groupId: 'g' },
  });
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: expected, msg: message, kafkajs: 'Consumer' });
  expect(lines[0]).not.toContain('79161234567');
});
