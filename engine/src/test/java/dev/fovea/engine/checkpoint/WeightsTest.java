package dev.fovea.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightsTest {
  @TempDir
  Path folder;

  private static MemorySegment floats(int n) {
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = value(i);
    return Bytes.floats(values);
  }

  /// Exact in every type.
  private static float value(int i) {
    return (i % 100 - 50) / 16f;
  }

  private <R> R bind(CheckpointWriter writer, Function<Weights, R> load) {
    var path = folder.resolve("model.st");
    writer.write(path);
    try (var checkpoint = Checkpoint.open(path); var arena = Arena.ofConfined()) {
      return Weights.bind(new CheckpointWeights(checkpoint, arena), load).model();
    }
  }

  private static CheckpointWriter f32(CheckpointWriter writer, String name, long... shape) {
    int n = 1;
    for (long d : shape) n *= (int) d;
    int size = n;
    return writer.tensor(name, DType.F32, shape, () -> floats(size));
  }

  @Test
  void everyProblemInOneMessage() {
    var writer = new CheckpointWriter();
    f32(f32(f32(f32(writer, "blocks.0.fc.weight", 3, 3), "blocks.0.fc.bias", 4), "spare", 1), "norm.weight", 7);
    assertThatThrownBy(() -> bind(writer, w -> List.of(w.at("blocks").at(0).linear("fc", 3, 4), w.layerNorm("norm", 8, 1e-6f))))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(folder.resolve("model.st") + ": 4 weights do not fit: 'blocks.0.fc.weight': expected [4, 3], got [3, 3]; "
            + "'norm.weight': expected [8], got [7]; 'norm.bias': missing, expected [8]; 'spare': not used by the model");
  }

  @Test
  void oneProblem() {
    assertThatThrownBy(() -> bind(new CheckpointWriter(), w -> w.tensor("a", 2, 3)))
        .isInstanceOf(CheckpointException.class).hasMessageEndingWith("model.st: weight 'a': missing, expected [2, 3]");
  }

  @Test
  void manyProblemsAreCounted() {
    assertThatThrownBy(() -> bind(new CheckpointWriter(), w -> {
      var tensors = new ArrayList<Tensor>();
      for (int i = 0; i < 20; i++) tensors.add(w.tensor("t" + i, 1));
      return tensors;
    })).isInstanceOf(CheckpointException.class).hasMessageContaining("20 weights do not fit").hasMessageContaining("'t11'")
        .hasMessageNotContaining("'t12'").hasMessageEndingWith("; and 8 more");
  }

  @Test
  void wrongRankAndIntegersInPanels() {
    assertThatThrownBy(() -> bind(f32(new CheckpointWriter(), "a", 6), w -> w.tensor("a", 2, 3)))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("'a': expected [2, 3], got [6]");
    assertThatThrownBy(() -> bind(new CheckpointWriter().tensor("a", DType.I32, new long[] {1, 2, 16}, () -> floats(32)), w -> w.matrix("a", 16, 2)))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("'a': expected one of [F32, F16, BF16] in panels, got I32");
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "F64"})
  void rows(DType dtype) {
    int n = 21, k = 5;
    var writer = new CheckpointWriter().tensor("w", dtype, new long[] {n, k}, () -> stored(dtype, Weight.rows(floats(n * k), n, k)));
    bind(writer, w -> {
      var matrix = w.matrix("w", n, k);
      for (int row = 0; row < n; row++)
        for (int col = 0; col < k; col++) assertThat(matrix.get(row, col)).isEqualTo(value(row * k + col));
      return matrix;
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void panels(DType dtype) {
    int n = 21, k = 5;
    var packed = Arena.ofAuto().allocate(Weight.bytes(WeightFormat.F32, Weight.Layout.PANELS, n, k));
    Weight.pack(floats(n * k), packed, n, k);
    var writer = new CheckpointWriter()
        .tensor("w", dtype, new long[] {2, k, 16}, () -> stored(dtype, Weight.rows(packed, 32, k)));
    bind(writer, w -> {
      var matrix = w.matrix("w", n, k);
      assertThat(matrix.format()).isEqualTo(WeightFormat.valueOf(dtype.name()));
      assertThat(matrix.segment().isMapped()).isTrue();
      assertThat(StoredPanels.dtype(matrix.format())).isEqualTo(dtype);
      for (int row = 0; row < n; row++)
        for (int col = 0; col < k; col++) assertThat(matrix.get(row, col)).isEqualTo(value(row * k + col));
      return matrix;
    });
  }

  /// What a format's tensors look like tells it from every other.
  @Test
  void formatsInAFile() {
    for (var format : WeightFormat.values())
      for (int[] size : new int[][] {{1, 1}, {21, 5}, {16, 64}}) {
        int n = size[0], k = size[1];
        var shape = StoredPanels.shape(format, n, k);
        var bytes = Arena.ofAuto().allocate(Weight.bytes(format, Weight.Layout.PANELS, n, k));
        var stored = new StoredTensor("w", StoredPanels.dtype(format), shape, bytes);
        assertThat(StoredPanels.format(stored, n, k)).isEqualTo(format);
        assertThat(stored.size()).isEqualTo(shape.stream().reduce(1L, Math::multiplyExact));
        assertThat(StoredPanels.format(stored, n + 16, k)).isNull();
        assertThat(StoredPanels.typeName(stored)).isEqualTo(format.name());
      }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "F64"})
  void tensors(DType dtype) {
    var writer = new CheckpointWriter().tensor("t", dtype, new long[] {2, 3}, () -> stored(dtype, Weight.rows(floats(6), 2, 3)));
    bind(writer, w -> {
      var tensor = w.tensor("t", 2, 3);
      assertThat(tensor.shape()).isEqualTo(new int[] {2, 3});
      assertThat(tensor.segment().isMapped()).isFalse();
      for (int i = 0; i < 6; i++) assertThat(tensor.get(i / 3, i % 3)).isEqualTo(value(i));
      return tensor;
    });
  }

  /// The elements of `rows` in their order, in another type.
  private static MemorySegment stored(DType dtype, Weight rows) {
    long n = rows.segment().byteSize() / 4;
    var to = Arena.ofAuto().allocate(n * dtype.bytes(), 8);
    for (long i = 0; i < n; i++) {
      float value = rows.segment().get(JAVA_FLOAT_UNALIGNED, i * 4);
      switch (dtype) {
        case F64 -> to.set(java.lang.foreign.ValueLayout.JAVA_DOUBLE, i * 8, value);
        case F32 -> to.set(JAVA_FLOAT_UNALIGNED, i * 4, value);
        case F16 -> to.set(JAVA_SHORT_UNALIGNED, i * 2, Float.floatToFloat16(value));
        case BF16 -> to.set(JAVA_SHORT_UNALIGNED, i * 2, (short) (Float.floatToRawIntBits(value) >>> 16));
        case I64, I32, I16, I8, U8, BOOL -> throw new IllegalArgumentException(dtype.toString());
      }
    }
    return to;
  }

  @Test
  void misalignedTensor() {
    var header = "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}";
    header += " ".repeat(Math.floorMod(-8 - header.length(), 8));
    var data = Bytes.little(9).put((byte) 1).putFloat(1.5f).putFloat(-2.5f).array();
    try (var checkpoint = Checkpoint.read("x", Bytes.file(header, data)); var arena = Arena.ofConfined()) {
      assertThat(checkpoint.tensor("w").data().address() % 4).isEqualTo(1);
      var bound = Weights.bind(new CheckpointWeights(checkpoint, arena), w -> List.of(w.tensor("w", 2), w.tensor("b", 1)));
      assertThat(bound.model().getFirst().toArray()).isEqualTo(new float[] {1.5f, -2.5f});
      assertThat(bound.model().getFirst().segment().address() % 4).isZero();
      assertThat(bound.model().getLast().toArray()).isEqualTo(new float[] {1});
    }
  }

  @Test
  void parametersAreCounted() {
    var bound = Weights.bind(WeightSource.shapesOnly(), w -> List.of(w.linear("fc", 100_000, 70_000), w.at("a").linear("b", 3, 5, false),
        w.layerNorm("norm", 9, 1e-6f), w.tensor("scalar")));
    assertThat(bound.parameters()).isEqualTo(7_000_000_000L + 70_000 + 15 + 18 + 1);
  }

  @Test
  void randomWeightsRepeat() {
    try (var arena = Arena.ofConfined()) {
      var values = new ArrayList<float[]>();
      for (int i = 0; i < 2; i++)
        values.add(Weights.bind(new RandomWeights(arena, 7), w -> w.tensor("a", 10_000)).model().toArray());
      assertThat(values.get(1)).isEqualTo(values.get(0));
      double squares = 0;
      for (float v : values.get(0)) squares += (double) v * v;
      assertThat(Math.sqrt(squares / 10_000)).isBetween(0.0195, 0.0205);
      assertThat(Weights.bind(new RandomWeights(arena, 7), w -> w.layerNorm("n", 2, 0)).model().weight().toArray()).isEqualTo(new float[] {1, 1});
    }
  }

  @Test
  void randomWeightsHaveTheFormatOfTheirName() {
    try (var arena = Arena.ofConfined()) {
      var source = new RandomWeights(arena, 7, name -> name.equals("a") ? WeightFormat.Q8 : WeightFormat.BF16);
      Weight a = source.matrix("a", 20, 70), table = source.table("a", 20, 70), b = source.matrix("b", 20, 70);
      assertThat(a.format()).isEqualTo(WeightFormat.Q8);
      assertThat(table.format()).as("rows that are looked up").isEqualTo(WeightFormat.F16);
      assertThat(b.format()).isEqualTo(WeightFormat.BF16);
      for (var weight : List.of(a, table, b)) {
        double squares = 0;
        for (int row = 0; row < 20; row++) for (int column = 0; column < 70; column++) squares += Math.pow(weight.get(row, column), 2);
        assertThat(Math.sqrt(squares / 1400)).isBetween(0.019, 0.021);
      }
    }
  }
}
