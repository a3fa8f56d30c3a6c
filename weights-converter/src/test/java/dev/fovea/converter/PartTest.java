package dev.fovea.converter;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class PartTest {
  /// A tensor of these numbers.
  private static SourceTensor tensor(List<Long> shape, double... values) {
    var bytes = Arena.ofAuto().allocate(4L * values.length);
    for (int i = 0; i < values.length; i++) bytes.set(JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN), 4L * i, (float) values[i]);
    return SourceTensor.of(new StoredTensor("t", DType.F32, shape, bytes));
  }

  /// `[2, 3, 2, 2]` whose elements say where they are: 1000 · first + 100 · second + 10 · third + fourth.
  private static SourceTensor places() {
    return tensor(List.of(2L, 3L, 2L, 2L), LongStream.range(0, 24).mapToDouble(i -> i / 12 * 1000 + i / 4 % 3 * 100 + i / 2 % 2 * 10 + i % 2).toArray());
  }

  private static float[] floats(String rule) {
    var source = new NameMap(Map.of("x", List.of(rule)), Map.of()).sources("x.weight").getFirst();
    assertThat(source.name()).isEqualTo("t.weight");
    var part = Part.Stored.of(places(), source, null);
    return values(part);
  }

  private static float[] values(Part part) {
    var values = new float[(int) part.size()];
    part.read(0, values, 0, values.length);
    return values;
  }

  @Test
  void convolutions() {
    assertThat(Arrays.copyOf(floats(NameRule.conv("t")), 13)).containsExactly(0, 100, 200, 1, 101, 201, 10, 110, 210, 11, 111, 211, 1000);
    assertThat(Arrays.copyOf(floats(NameRule.depthwise("t")), 7)).containsExactly(0, 100, 200, 1000, 1100, 1200, 1);
    assertThat(Arrays.copyOf(floats(NameRule.convTranspose("t")), 7)).containsExactly(0, 1000, 100, 1100, 200, 1200, 1);
    assertThat(floats("t[1/2]")).startsWith(1000, 1001).hasSize(12);
  }

  @Test
  void aBiasIsNotReordered() {
    var bias = new NameMap(Map.of("x", List.of(NameRule.conv("t"))), Map.of()).sources("x.bias").getFirst();
    assertThat(bias).isEqualTo(new SourcePart("t.bias", 0, 1, null, List.of(), null, false));
  }

  @Test
  void shapes() {
    var names = new NameMap(Map.of("a.#.b.#", List.of("c.#.d.#<N * ratios.# 3>(0 2 3 1)"), "e", List.of("f[1/3]<>")), Map.of());
    assertThat(names.sources("a.3.b.12.weight").getFirst())
        .isEqualTo(new SourcePart("c.3.d.12.weight", 0, 1, List.of("N", "*", "ratios.3", "3"), List.of(0, 2, 3, 1), null, false));
    assertThat(names.sources("a.3.b.12.bias").getFirst().shape()).isNull();
    assertThat(names.sources("e").getFirst()).isEqualTo(new SourcePart("f", 1, 3, List.of(), List.of(), null, false));
  }

  @Test
  void aRowOfZerosGoesFirst() {
    var source = new NameMap(Map.of("x", List.of("0, t")), Map.of()).sources("x").getFirst();
    assertThat(source).isEqualTo(new SourcePart("t", 0, 1, null, List.of(), null, true));
    var part = new Part.AfterZeros(Part.Stored.of(tensor(List.of(1L, 2L, 2L), 1, 2, 3, 4), source, null), 2);
    assertThat(part.size()).isEqualTo(6);
    assertThat(values(part)).containsExactly(0, 0, 1, 2, 3, 4);
    var middle = new float[4];
    part.read(1, middle, 1, 2);
    assertThat(middle).containsExactly(0, 0, 1, 0);
  }

  @Test
  void twoNumbers() {
    var names = new NameMap(Map.of("a.#.b.#", List.of("c.#.#.d"), "a.0.e", List.of("f"), "a.#.e", List.of("g.#")), Map.of());
    assertThat(names.sources("a.3.b.12.weight").getFirst().name()).isEqualTo("c.3.12.d.weight");
    assertThat(names.sources("a.0.e.weight").getFirst().name()).isEqualTo("f.weight");
    assertThat(names.sources("a.1.e.weight").getFirst().name()).isEqualTo("g.1.weight");
    var next = new NameMap(Map.of("a.#.b.#", List.of("c#+1.#.d ~ e.#.norm")), Map.of()).sources("a.9.b.0.weight").getFirst();
    assertThat(next).isEqualTo(new SourcePart("c10.0.d.weight", 0, 1, null, List.of(), "e.9.norm", false));
  }

  /// A convolution of two outputs and one input, then a norm: by hand.
  @Test
  void batchNorm() {
    var two = List.of(2L);
    var norm = new BatchNorm(tensor(two, 2, 3), tensor(two, 5, 7), tensor(two, 1, -1), tensor(two, 4 - 1e-5, 1 - 1e-5));
    var source = new SourcePart("t", 0, 1, null, List.of(), "norm", false);
    var weight = Part.Stored.of(tensor(List.of(2L, 1L, 1L, 1L), 10, 20), source, norm);
    assertThat(values(weight)).containsExactly(new float[] {10, 60}, within(1e-4f));
    assertThat(values(new Part.Folded(norm))[0]).isCloseTo(4, within(1e-5f));
    assertThat(values(Part.Stored.of(tensor(two, 0.5, 0.5), source, norm))[1]).isCloseTo(11.5f, within(1e-5f));
  }

  @Test
  void coloursDiffer() {
    var colours = Palette.of(Collections.nCopies(150, "a class"));
    assertThat(colours).hasSize(150).doesNotHaveDuplicates();
    assertThat(Palette.of(List.of("background", "a", "b"))).startsWith(0).isEqualTo(Palette.of(List.of("Background", "c", "d")));
    assertThat(Palette.of(Collections.nCopies(2000, "a class"))).hasSize(2000);
  }
}
