package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Resampling against values worked out by hand, against Pillow 12.3's, and against a plain implementation in doubles.
class ResampleTest {
  private static Picture grey(int width, int height, int... samples) {
    var rgb = new byte[3 * samples.length];
    for (int i = 0; i < rgb.length; i++) rgb[i] = (byte) samples[i / 3];
    return new Picture("grey", width, height, rgb);
  }

  private static Picture random(int width, int height, long seed) {
    var rgb = new byte[3 * width * height];
    new Random(seed).nextBytes(rgb);
    return new Picture("random", width, height, rgb);
  }

  @ParameterizedTest
  @EnumSource
  void theSameSizeChangesNothing(Resample filter) {
    var p = random(9, 6, 1);
    assertThat(filter.apply(p, 9, 6).rgb()).isEqualTo(p.rgb());
  }

  /// Weights 1 3 3 1 of 8; at the border 3 3 1 of 7.
  @Test
  void halvingARampBilinearly() {
    var ramp = new int[] {0, 10, 20, 30, 40, 50, 60, 70};
    var expected = new int[] {7, 25, 45, 63};
    assertThat(Resample.BILINEAR.apply(grey(8, 1, ramp), 4, 1).rgb()).isEqualTo(grey(4, 1, expected).rgb());
    assertThat(Resample.BILINEAR.apply(grey(1, 8, ramp), 1, 4).rgb()).isEqualTo(grey(1, 4, expected).rgb());
  }

  /// 255 · 1/4 and 255 · 3/4; PIL's cubic at 0.25, 0.75, 1.25 is 0.8671875, 0.2265625 and -0.0703125.
  @Test
  void doublingAnEdge() {
    var edge = grey(2, 1, 0, 255);
    assertThat(Resample.BILINEAR.apply(edge, 4, 1).rgb()).isEqualTo(grey(4, 1, 0, 64, 191, 255).rgb());
    int overshoot = 0, quarter = (int) Math.round(255 * 0.2265625 / (0.8671875 + 0.2265625));
    assertThat(Resample.BICUBIC.apply(edge, 4, 1).rgb()).isEqualTo(grey(4, 1, overshoot, quarter, 255 - quarter, 255).rgb());
  }

  /// A flat picture stays flat: the weights of every place add up to one.
  @ParameterizedTest
  @EnumSource
  void flatStaysFlat(Resample filter) {
    for (int value : new int[] {0, 1, 127, 254, 255})
      for (int to : new int[] {1, 2, 5, 13, 40})
        for (byte b : filter.apply(grey(5, 3, value, value, value, value, value, value, value, value, value, value, value, value, value, value, value), to, to + 1).rgb())
          assertThat(b & 0xff).isEqualTo(value);
  }

  @ParameterizedTest
  @CsvSource({
      "BILINEAR,3,2,6b7ba260799b8db08d75867b494875857778",
      "BILINEAR,10,3,467e925378b66673ca7c71b04f8bb353abbb88c8c17ba48481c48c90fbb1a46a968f917b6a93712f4193342e7260426ea5768a6f8c898c8e73c6875964d58f7e8b83865e775f866d3d53802b2a723117489b6a82948d8e5f9584",
      "BILINEAR,4,9,3553bb5a8bbe3be6da67dc9c4c70b26180b963beb97ed19773a1a26c6eb1a57c81a4be8e8f8c9352568c9571809aa680a96584303d6171738c848c707f906e344c7a6352759e726063ad643f5b8a553764a9665d7d938b5f697446336a7f90928c84a27371673d306d65a9b1",
      "BICUBIC,3,2,6877a4607ba18eb78c798a7a433d70877577",
      "BICUBIC,10,3,497d8e5077ba6870d48172b0488bb14cb2c08dd0c67a9d7c80c58990ffb9ae6697989c7467a369283a992a1d6d673864af7589688f8b8c8c6ed480515fdc91818a838e53725d88693956871f2074291142a76d879c9494599280",
      "BICUBIC,4,9,2f45bc5c90c12af5e764dd98476bb46283bf5bc6bf7ed59574aba46a68b7af7377abc48f9d95964d4c89a166789fad82b26b8628385b6d708f8691708296652744795d4f79a56c565fb75c395791513063b4635780968f6067723f29668299989582ac756f5f36276965b9bd",
      "LANCZOS,3,2,6575a25f7ba391ba8b7b8e7a42376c8b7376",
      "LANCZOS,10,3,4c7f8d4d75be6f6bdd8776b14587a849b6c091d1c87f997a7bc7898cffc3b264979ea46d5dab6724399d27176d75365ab373876a8f8d8d8868de7a4b57dc93818884944f6a5c846538628f1c1e74251142a66a859f9998548c7a",
      "LANCZOS,4,9,323bb86095c219faef62da93466cb36687c859c5bb82d69572ada76468bfb07171aec791ab9c9c474481aa5a6ea4b489b57089283853656c9389977381965e204173535283a8674c5fb95b3b5793512f66b46557819c8d5e63753f2765879a98a181b172665b35296966c1c4"
  })
  void asPillowDoes(Resample filter, int width, int height, String hex) {
    var rgb = new byte[7 * 5 * 3];
    for (int i = 0; i < rgb.length; i++) rgb[i] = (byte) (i * i * 37 + i * 11);
    var made = filter.apply(new Picture("p", 7, 5, rgb), width, height);
    assertThat(HexFormat.of().formatHex(made.rgb())).isEqualTo(hex);
  }

  @ParameterizedTest
  @EnumSource
  void nearAPlainImplementation(Resample filter) {
    int[][] sizes = {{17, 11, 5, 11}, {17, 11, 17, 4}, {17, 11, 40, 11}, {17, 11, 17, 23}, {17, 11, 8, 5}, {5, 4, 31, 29}, {31, 3, 7, 9}, {64, 48, 1, 1}, {1, 1, 6, 5}};
    for (var s : sizes) {
      var p = random(s[0], s[1], 7);
      var made = filter.apply(p, s[2], s[3]);
      assertThat(made.width()).isEqualTo(s[2]);
      assertThat(made.height()).isEqualTo(s[3]);
      double[] expected = plain(filter, p, s[2], s[3]);
      int worst = 0;
      for (int i = 0; i < expected.length; i++) worst = (int) Math.max(worst, Math.abs(Math.rint(expected[i]) - (made.rgb()[i] & 0xff)));
      assertThat(worst).as("%s %s", filter, java.util.Arrays.toString(s)).isLessThanOrEqualTo(1);
    }
  }

  @Test
  void codesArePils() {
    assertThat(Resample.ofCode(1)).isEqualTo(Resample.LANCZOS);
    assertThat(Resample.ofCode(2)).isEqualTo(Resample.BILINEAR);
    assertThat(Resample.ofCode(3)).isEqualTo(Resample.BICUBIC);
    assertThatThrownBy(() -> Resample.ofCode(0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("resample 0");
  }

  /// Every weight over the whole line; clamped, not rounded, between the passes.
  private static double[] plain(Resample filter, Picture p, int width, int height) {
    int w = p.width(), h = p.height();
    var across = new double[3 * h * width];
    for (int x = 0; x < width; x++) {
      double[] weights = weights(filter, x, w, width);
      for (int y = 0; y < h; y++)
        for (int c = 0; c < 3; c++) {
          double sum = 0;
          for (int k = 0; k < w; k++) sum += weights[k] * (p.rgb()[3 * (y * w + k) + c] & 0xff);
          across[3 * (y * width + x) + c] = Math.clamp(sum, 0, 255);
        }
    }
    var down = new double[3 * height * width];
    for (int y = 0; y < height; y++) {
      double[] weights = weights(filter, y, h, height);
      for (int i = 0; i < 3 * width; i++) {
        double sum = 0;
        for (int k = 0; k < h; k++) sum += weights[k] * across[k * 3 * width + i];
        down[y * 3 * width + i] = Math.clamp(sum, 0, 255);
      }
    }
    return down;
  }

  private static double[] weights(Resample filter, int to, int in, int out) {
    if (in == out) {
      var one = new double[in];
      one[to] = 1;
      return one;
    }
    double ratio = (double) in / out, stretch = Math.max(1, ratio), total = 0;
    var weights = new double[in];
    for (int k = 0; k < in; k++) {
      double x = Math.abs(k + 0.5 - (to + 0.5) * ratio) / stretch;
      weights[k] = switch (filter) {
        case BILINEAR -> Math.max(0, 1 - x);
        case BICUBIC -> x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
        case LANCZOS -> x == 0 ? 1 : x < 3 ? 3 * Math.sin(Math.PI * x) * Math.sin(Math.PI * x / 3) / (Math.PI * Math.PI * x * x) : 0;
      };
      total += weights[k];
    }
    for (int k = 0; k < in; k++) weights[k] /= total;
    return weights;
  }
}
