import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from 'kafkajs';

const deadlineMs = 120_000;
const requestTimeoutMs = 20_000;

/**
 * Makes the topic if it is not there and returns when the leaders of all its partitions answer; throws what they said last when they do not
 * within two minutes. Before that a broker may say that it has no such topic, or take one half of what is sent and refuse the other, so that a
 * producer sends it all again: metadata names a leader before that leader answers, so kafkajs' `waitForLeaders` returns too early.
 */
export async function makeTopic(admin: Admin, topic: string, numPartitions: number): Promise<void> {
  const topics = [{ topic, numPartitions }];
  let made = false;
  for (const deadline = performance.now() + deadlineMs; ; await pause(50)) {
    try {
      // A broker that is late with its answer may have made it all the same; to find it there is no error.
      if (!made) await admin.createTopics({ topics, waitForLeaders: false, timeout: requestTimeoutMs });
      made = true;
      await admin.fetchTopicOffsets(topic);
      return;
    } catch (problem) {
      if (performance.now() > deadline) throw problem;
    }
  }
}
