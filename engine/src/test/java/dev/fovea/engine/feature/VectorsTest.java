package dev.fovea.engine.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class VectorsTest {
  @Test
  void cosines() {
    assertThat(Vectors.cosine(new float[] {1, 0}, new float[] {3, 3})).isCloseTo(Math.sqrt(0.5), within(1e-15));
    assertThat(Vectors.cosine(new float[] {1, 2, 3}, new float[] {-2, -4, -6})).isEqualTo(-1);
    assertThat(Vectors.cosine(new float[] {1e30f, 0}, new float[] {1e30f, 1e30f})).isCloseTo(Math.sqrt(0.5), within(1e-15));
    assertThat(Vectors.cosine(new float[2], new float[] {1, 1})).isZero();
    assertThatThrownBy(() -> Vectors.cosine(new float[2], new float[3])).hasMessageContaining("got 2 and 3");
  }

  @Test
  void lengths() {
    assertThat(Vectors.normalized(new float[] {3, -4})).containsExactly(0.6f, -0.8f);
    assertThat(Vectors.normalized(new float[3])).containsExactly(0, 0, 0);
    var vector = new float[] {2};
    assertThat(Vectors.normalized(vector)).containsExactly(1);
    assertThat(vector).as("the argument stays").containsExactly(2);
  }
}
