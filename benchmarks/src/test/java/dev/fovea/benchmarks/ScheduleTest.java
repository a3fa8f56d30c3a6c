package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void oneThreadRunsOneTaskAfterTheOther() {
    assertThat(Schedule.end(new long[] {3, 1, 2}, 1, 100)).isEqualTo(6);
    assertThat(Schedule.end(new long[0], 4, 100)).isZero();
  }

  @Test
  void tasksStartInOrderOnTheThreadThatIsFreeFirst() {
    // 3 and then 5, beside 1 and 1 and 4; sorted by length, the end would be 7.
    assertThat(Schedule.end(new long[] {3, 1, 1, 4, 5}, 2, 0)).isEqualTo(8);
    assertThat(Schedule.end(new long[] {3, 1, 1, 4, 5}, 5, 0)).isEqualTo(5);
  }

  @Test
  void helpersBeginLate() {
    assertThat(Schedule.end(new long[] {5, 5}, 2, 3)).isEqualTo(8);
    assertThat(Schedule.end(new long[] {1, 1, 1}, 4, 10)).as("the caller runs all of them before").isEqualTo(3);
    assertThat(Schedule.end(new long[] {5, 5, 5, 5}, 4, 2)).isEqualTo(7);
  }

  @Test
  void theEndLiesWithinGrahamsBounds() {
    var random = new Random(1);
    for (int round = 0; round < 1_000; round++) {
      var tasks = random.longs(1 + random.nextInt(50), 0, 1_000).toArray();
      int threads = 1 + random.nextInt(64);
      long longest = Arrays.stream(tasks).max().orElseThrow(), sum = Arrays.stream(tasks).sum();
      long end = Schedule.end(tasks, threads, 0);
      assertThat(end).isGreaterThanOrEqualTo(Math.max(longest, Math.ceilDiv(sum, threads)));
      assertThat(end).isLessThanOrEqualTo(sum / threads + longest);
    }
  }
}
