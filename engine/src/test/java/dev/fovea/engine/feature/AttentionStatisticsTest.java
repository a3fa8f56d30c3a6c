package dev.fovea.engine.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.feature.AttentionStatistics.Cells;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// Hand-made maps, whose entropies and distances can be told without a computer.
class AttentionStatisticsTest {
  private static final Cells SQUARE = new Cells(0, 2, 2);

  @Test
  void entropies() {
    assertThat(AttentionStatistics.entropy(new float[] {0, 1, 0, 0}, 4)).isZero();
    assertThat(AttentionStatistics.entropy(new float[] {0.25f, 0.25f, 0.25f, 0.25f}, 4)).isEqualTo(2);
    assertThat(AttentionStatistics.entropy(new float[] {0.5f, 0.5f, 0, 0, 0, 0, 1, 0}, 4)).as("mean of the queries").isEqualTo(0.5);
    assertThatThrownBy(() -> AttentionStatistics.entropy(new float[5], 4)).hasMessage("weights: expected rows of 4 keys, got 5 values");
    assertThatThrownBy(() -> AttentionStatistics.entropy(new float[0], 4)).hasMessageContaining("got 0 values");
  }

  /// Four patches of 16 pixels.
  @Test
  void distances() {
    float[] itself = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    assertThat(AttentionStatistics.distance(itself, 4, SQUARE, SQUARE, 32, 32)).isZero();
    float[] beside = {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0};
    assertThat(AttentionStatistics.distance(beside, 4, SQUARE, SQUARE, 32, 32)).isEqualTo(16);
    assertThat(AttentionStatistics.distance(beside, 4, SQUARE, SQUARE, 32, 64)).as("wide pixels").isEqualTo(32);
    float[] across = {0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0};
    assertThat(AttentionStatistics.distance(across, 4, SQUARE, SQUARE, 32, 32)).isCloseTo(16 * Math.sqrt(2), within(1e-12));
    var alike = new float[16];
    Arrays.fill(alike, 0.25f);
    assertThat(AttentionStatistics.distance(alike, 4, SQUARE, SQUARE, 32, 32)).isCloseTo((32 + 16 * Math.sqrt(2)) / 4, within(1e-12));
  }

  /// The class token has no place: what goes to it does not count, and what it looks at neither.
  @Test
  void otherTokens() {
    float[] weights = {0, 0, 0, 0, 1,
        0.5f, 0, 0.5f, 0, 0,  0.5f, 0.5f, 0, 0, 0,  0, 0, 0, 0, 1,  1, 0, 0, 0, 0};
    var behind = new Cells(1, 2, 2);
    assertThat(AttentionStatistics.distance(weights, 5, behind, behind, 32, 32)).isEqualTo((16.0 + 16 + 16) / 3);
    float[] nowhere = {1, 0, 0, 0, 0};
    assertThat(AttentionStatistics.distance(nowhere, 5, new Cells(0, 1, 1), behind, 32, 32)).isZero();
  }

  /// One key cell for all four query cells, as with reduced keys.
  @Test
  void fewerKeys() {
    assertThat(AttentionStatistics.distance(new float[] {1, 1, 1, 1}, 1, SQUARE, new Cells(0, 1, 1), 32, 32))
        .isCloseTo(8 * Math.sqrt(2), within(1e-12));
    assertThatThrownBy(() -> AttentionStatistics.distance(new float[4], 1, SQUARE, SQUARE, 32, 32))
        .hasMessage("cells: expected them among 4 queries and 1 keys");
    assertThatThrownBy(() -> new Cells(0, 0, 1)).hasMessageContaining("got 0x1");
  }
}
