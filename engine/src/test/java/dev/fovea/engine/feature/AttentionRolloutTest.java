package dev.fovea.engine.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.feature.AttentionRollout.Fusion;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Abnar and Zuidema, 2020: `A = ½ W + ½ I`, and the rollout is `A(l) · … · A(1)`.
class AttentionRolloutTest {
  /// Two layers of two tokens, multiplied by hand.
  @Test
  void twoLayers() {
    var rollout = new AttentionRollout(2, Fusion.MEAN, 0);
    assertThat(rollout.rows()).as("no layer").containsExactly(1, 0, 0, 1);
    rollout.add(new float[] {0, 1, 0, 1}, 1);                 // A(1) = [0.5 0.5; 0 1]
    assertThat(rollout.rows()).containsExactly(0.5f, 0.5f, 0, 1);
    rollout.add(new float[] {1, 0, 1, 0}, 1);                 // A(2) = [1 0; 0.5 0.5]
    assertThat(rollout.rows()).as("A(2) · A(1), which is not A(1) · A(2)").containsExactly(0.5f, 0.5f, 0.25f, 0.75f);
  }

  @Test
  void fusions() {
    float[] heads = {1, 0, 0.5f, 0.5f, 0, 1, 0.25f, 0.75f};
    assertThat(AttentionRollout.fused(heads, 2, 2, 2, Fusion.MEAN)).containsExactly(0.5f, 0.5f, 0.375f, 0.625f);
    assertThat(AttentionRollout.fused(heads, 2, 2, 2, Fusion.MAX)).containsExactly(1, 1, 0.5f, 0.75f);
    assertThat(AttentionRollout.fused(heads, 2, 2, 2, Fusion.MIN)).containsExactly(0, 0, 0.25f, 0.5f);
    var rollout = new AttentionRollout(2, Fusion.MAX, 0);
    rollout.add(heads, 2);
    assertThat(rollout.rows()).as("rows are divided by their sum").containsExactly(0.75f, 0.25f, 0.2f, 0.8f);
    var none = new AttentionRollout(2, Fusion.MIN, 0);
    none.add(heads, 2);
    assertThat(none.rows()).as("a token that looks nowhere stays itself").containsExactly(new float[] {1, 0, 1 / 6f, 5 / 6f}, within(1e-6f));
  }

  @Test
  void discarded() {
    var rollout = new AttentionRollout(4, Fusion.MEAN, 0.5);
    rollout.add(new float[] {0.1f, 0.2f, 0.3f, 0.4f, 0.1f, 0.1f, 0.2f, 0.6f, 0.25f, 0.25f, 0.25f, 0.25f, 0.1f, 0.5f, 0.3f, 0.1f}, 1);
    var rows = rollout.rows();
    assertThat(rows[1]).as("weak").isZero();
    assertThat(rows[0]).as("the first token is kept").isGreaterThan(0.5f);
    assertThat(rows[3]).isEqualTo(0.25f, within(1e-7f));
    assertThat(rows[5]).as("a weak look at itself is kept").isGreaterThan(0.5f);
    assertThat(new float[] {rows[8], rows[9], rows[11]}).as("nothing is weaker than the others").containsExactly(0.125f, 0.125f, 0.125f);
  }

  @Test
  void rowsSumToOne() {
    var random = new SplittableRandom(1);
    for (var fusion : Fusion.values()) {
      var rollout = new AttentionRollout(7, fusion, 0.3);
      for (int layer = 0; layer < 4; layer++) {
        var maps = new float[3 * 49];
        for (int i = 0; i < maps.length; i++) maps[i] = (float) random.nextDouble() / 7;
        rollout.add(maps, 3);
      }
      for (int i = 0; i < 7; i++) {
        double sum = 0;
        for (int j = 0; j < 7; j++) sum += rollout.rows()[7 * i + j];
        assertThat(sum).as(fusion.toString()).isCloseTo(1, within(1e-6));
      }
    }
  }

  @Test
  void refused() {
    assertThatThrownBy(() -> new AttentionRollout(0, Fusion.MEAN, 0)).hasMessage("rollout: expected at least one token, got 0");
    for (double share : new double[] {-0.1, 1, Double.NaN})
      assertThatThrownBy(() -> new AttentionRollout(1, Fusion.MEAN, share)).hasMessage("discard: expected 0 to below 1, got " + share);
    var rollout = new AttentionRollout(2, Fusion.MEAN, 0);
    assertThatThrownBy(() -> rollout.add(new float[4], 2)).hasMessage("rollout: expected 2 maps of 2x2, got 4 weights");
    assertThatThrownBy(() -> rollout.addFused(new float[9])).hasMessage("rollout: expected a map of 2 tokens, got 9 weights");
  }
}
