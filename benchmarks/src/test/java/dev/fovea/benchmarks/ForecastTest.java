package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.benchmarks.TaskTimes.Join;
import dev.fovea.benchmarks.TaskTimes.Step;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ForecastTest {
  private static final ForkJoin FREE = new ForkJoin(new TreeMap<>());
  /// In nanoseconds, after pauses of 0, 10, 50, 100, 200, 500, 1000 microseconds.
  private static final ForkJoin MEASURED = new ForkJoin(new TreeMap<>(Map.of(
      2, new ForkJoin.Cost(2, 100, new long[] {1_000, 1_000, 3_000, 4_000, 5_000, 6_000, 7_000}),
      4, new ForkJoin.Cost(4, 100, new long[] {6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 9_000}))));

  /// Two products, and a sum with one task.
  private static final TaskTimes PASS = new TaskTimes(List.of(
      new Step("linear", "1", 10_000, List.of(new Join(1_000, new long[] {40_000, 40_000}), new Join(2_000, new long[] {30_000})),
          3_000),
      new Step("linear", "2", 20_000, List.of(new Join(4_000, new long[] {50_000, 50_000})), 5_000),
      new Step("add", "1", 30_000, List.of(), 6_000)), 40_000);

  @Test
  void forkAndJoinBetweenAndBeyondWhatWasMeasured() {
    assertThat(FREE.late(16, 0)).as("nothing was measured").isZero();
    assertThat(MEASURED.late(1, 0)).isZero();
    assertThat(MEASURED.late(2, 0)).isEqualTo(1_000);
    assertThat(MEASURED.late(2, 30_000)).as("between two pauses").isEqualTo(2_000);
    assertThat(MEASURED.late(2, 50_000_000)).as("after the longest pause").isEqualTo(7_000);
    assertThat(MEASURED.late(3, 0)).as("a thread more than two").isEqualTo(2_000);
    assertThat(MEASURED.late(16, 0)).as("12 threads more than four, 2 us each").isEqualTo(30_000);
    assertThat(MEASURED.late(16, 2_000_000)).isEqualTo(33_000);
  }

  @Test
  void aPassIsTheSumOfItsParts() {
    var pass = Forecast.of(PASS, 2, FREE);
    assertThat(pass.operations()).isEqualTo(3);
    assertThat(pass.joins()).isEqualTo(3);
    assertThat(pass.tasks()).isEqualTo(5);
    assertThat(pass.serial()).isEqualTo(121_000);
    assertThat(pass.work()).isEqualTo(210_000);
    assertThat(pass.ideal()).isEqualTo(40_000 + 30_000 + 50_000);
    assertThat(pass.shared()).isEqualTo(pass.ideal());
    assertThat(pass.alone()).isEqualTo(331_000);
    assertThat(pass.time()).isEqualTo(241_000);
    assertThat(pass.efficiency()).isEqualTo(210.0 / 240);

    var one = Forecast.of(PASS, 1, MEASURED);
    assertThat(one.time()).isEqualTo(one.alone()).isEqualTo(331_000);
  }

  @Test
  void aJoinCostsMoreAfterALongerPause() {
    // The first after 11 us, the second after 2, the third after 3 + 20 + 4.
    long[] late = {MEASURED.late(2, 11_000), 1_000, MEASURED.late(2, 27_000)};
    assertThat(Forecast.of(PASS, 2, MEASURED).shared()).isEqualTo(40_000 + late[0] + 30_000 + 50_000 + late[2]);
    assertThat(late).as("the lone task does not wait").containsExactly(1_050, 1_000, 1_850);
  }

  @Test
  void groupsKeepTheOrderOfThePass() {
    var groups = Forecast.of(PASS, 2, FREE, Step::kind);
    assertThat(groups.keySet()).containsExactly(Forecast.BETWEEN, "linear", "add");
    assertThat(groups.get(Forecast.BETWEEN).serial()).isEqualTo(100_000);
    assertThat(groups.get(Forecast.BETWEEN).operations()).isZero();
    assertThat(groups.get("linear").operations()).isEqualTo(2);
    assertThat(groups.get("linear").serial()).isEqualTo(15_000);
    assertThat(groups.get("add").time()).isEqualTo(6_000);
    assertThat(groups.get("add").efficiency()).isNaN();
  }
}
