package dev.fovea.converter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Files of `torch.save`, honest and hostile.
@Timeout(20)
class TorchFileTest {
  @TempDir
  private Path folder;

  private static final byte[] SIX = Pickler.floats(0, 1, 2, 3, 4, 5);

  private Path write(byte[] bytes) {
    try {
      return Files.write(folder.resolve("model.pth"), bytes);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(byte[] bytes) {
    var file = write(bytes);
    return assertThatThrownBy(() -> Source.open(file).close()).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": ")
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refusedPickle(byte[] pickle) {
    refused(Pickler.stream(pickle, Map.of("0", SIX)));
    return refused(Pickler.torchZip(pickle, Map.of("0", SIX)));
  }

  private static float[] floats(SourceTensor tensor) {
    var values = new float[(int) tensor.size()];
    for (int i = 0; i < values.length; i++) values[i] = tensor.floatAt(i);
    return values;
  }

  @Test
  void viewsOfASharedStorage() {
    var pickle = new Pickler().op('}', '(').text("rows").tensor("0", 6, 2, 3)
        .text("columns").view("FloatStorage", "0", 6, 0, new long[] {3, 2}, new long[] {1, 3})
        .text("last").view("FloatStorage", "0", 6, 3, new long[] {3}, new long[] {1})
        .text("repeated").view("FloatStorage", "0", 6, 4, new long[] {2, 2}, new long[] {0, 1})
        .text("one").view("FloatStorage", "0", 6, 5, new long[0], new long[0])
        .text("none").view("FloatStorage", "0", 6, 0, new long[] {0, 3}, new long[] {3, 1}).op('u').end();
    var packed = Pickler.zip(ZipEntry.DEFLATED, Map.of("archive/data.pkl", pickle, "archive/data/0", SIX));
    for (var bytes : List.of(Pickler.torchZip(pickle, Map.of("0", SIX)), packed, Pickler.stream(pickle, Map.of("0", SIX))))
      try (var source = Source.open(write(bytes))) {
        var tensors = source.tensors();
        assertThat(tensors.keySet()).containsExactly("rows", "columns", "last", "repeated", "one", "none");
        assertThat(floats(tensors.get("rows"))).containsExactly(0, 1, 2, 3, 4, 5);
        assertThat(tensors.get("columns").shape()).containsExactly(3L, 2L);
        assertThat(floats(tensors.get("columns"))).containsExactly(0, 3, 1, 4, 2, 5);
        assertThat(floats(tensors.get("last"))).containsExactly(3, 4, 5);
        assertThat(floats(tensors.get("repeated"))).containsExactly(4, 5, 4, 5);
        assertThat(floats(tensors.get("one"))).containsExactly(5);
        assertThat(floats(tensors.get("none"))).isEmpty();
      }
  }

  @Test
  void elementTypesAndByteOrders() {
    for (var order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
      var pickle = new Pickler().op('}', '(');
      var entries = new LinkedHashMap<String, byte[]>();
      var types = Map.of("Half", DType.F16, "BFloat16", DType.BF16, "Double", DType.F64, "Float", DType.F32, "Long", DType.I64,
          "Int", DType.I32,
          "Short", DType.I16, "Char", DType.I8, "Byte", DType.U8, "Bool", DType.BOOL);
      types.forEach((name, dtype) -> {
        pickle.text(name).view(name + "Storage", name, 2, 0, new long[] {2}, new long[] {1});
        entries.put("archive/data/" + name, elements(dtype, order));
      });
      entries.put("archive/data.pkl", pickle.op('u').end());
      entries.put("archive/byteorder", (order == ByteOrder.BIG_ENDIAN ? "big" : "little").getBytes());
      try (var source = Source.open(write(Pickler.zip(ZipEntry.STORED, entries)))) {
        types.forEach((name, dtype) -> {
          assertThat(source.tensors().get(name).dtype()).isEqualTo(dtype);
          assertThat(floats(source.tensors().get(name))).as(name + " " + order)
              .containsExactly(1, dtype == DType.U8 ? 253 : dtype == DType.BOOL ? 0 : -3);
        });
      }
    }
  }

  /// The numbers 1 and -3, or what comes next to them.
  private static byte[] elements(DType dtype, ByteOrder order) {
    var b = ByteBuffer.allocate(2 * dtype.bytes()).order(order);
    return switch (dtype) {
      case F64 -> b.putDouble(1).putDouble(-3).array();
      case F32 -> b.putFloat(1).putFloat(-3).array();
      case F16 -> b.putShort(Float.floatToFloat16(1)).putShort(Float.floatToFloat16(-3)).array();
      case BF16 -> b.putShort((short) 0x3f80).putShort((short) 0xc040).array();
      case I64 -> b.putLong(1).putLong(-3).array();
      case I32 -> b.putInt(1).putInt(-3).array();
      case I16 -> b.putShort((short) 1).putShort((short) -3).array();
      case I8, U8 -> b.put((byte) 1).put((byte) -3).array();
      case BOOL -> b.put((byte) 1).put((byte) 0).array();
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw new IllegalArgumentException(dtype.unreadable("none"));
    };
  }

  /// A training's file: the model is under 'teacher', wrapped twice, beside a head that is not the model's.
  @Test
  void nestedAndWrapped() {
    var teacher = new Pickler().op('}',
        '(').text("epoch").integer(3).text("optimizer").op('}').text("student").op('}').text("x").tensor("0", 6, 6).op('s')
        .text("teacher").op('}', '(').text("module.backbone.a.weight").tensor("0", 6, 2, 3).text("module.head.last").tensor("0",
            6, 6).op('u', 'u').end();
    try (var source = Source.open(write(Pickler.torchZip(teacher, Map.of("0", SIX))))) {
      assertThat(source.tensors().keySet()).containsExactly("a.weight");
      assertThat(source.leftOut()).containsExactly("head.last");
    }
    var parameter = new Pickler().global("collections", "OrderedDict").op(')', 'R', '(').text("module.a").global("torch._utils",
        "_rebuild_parameter")
        .op('(').tensor("0", 6, 6).op(0x88).global("collections", "OrderedDict").op(')', 'R', 't',
            'R').op('u').op('}').text("_metadata").op('}', 's', 'b').end();
    try (var source = Source.open(write(Pickler.torchZip(parameter, Map.of("0", SIX))))) {
      assertThat(source.tensors().keySet()).containsExactly("a");
    }
  }

  @Test
  void unknownLayoutsOfFiles() {
    refusedPickle(new Pickler().op('}').text("epoch").integer(3).op('s').end()).hasMessageContaining("expected tensors")
        .hasMessageContaining("got epoch");
    refusedPickle(new Pickler().integer(3).end()).hasMessageContaining("expected a dictionary of tensors, got an integer");
    refusedPickle(new Pickler().op('}', '(').text("a").tensor("0", 6, 6).text("a").tensor("0", 6, 6).op('u').end())
        .hasMessageContaining("there are two tensors 'a'");
  }

  private static byte[] script(byte[] pickle) {
    return Pickler.zip(ZipEntry.STORED, Map.of("archive/constants.pkl", new Pickler().op(')').end(), "archive/data.pkl", pickle,
        "archive/data/0", SIX));
  }

  /// Modules of a TorchScript archive are their attributes under a class of the archive's own; its code is not looked at.
  @Test
  void scriptArchives() {
    var inner = new Pickler().global("__torch__.a.B", "Inner").op(')', 0x81, '}', '(').text("weight").tensor("0", 6, 2, 3)
        .text("sizes").global("torch.jit._pickle", "build_intlist").op(']').op(0x85, 'R').op('u', 'b');
    var pickle = new Pickler().global("__torch__", "Outer").op(')', 0x81, '}', '(').text("training").op(0x89)
        .text("bias").tensor("0", 6, 6).text("inner").ascii(steps(inner)).op('u', 'b').end();
    try (var source = Source.open(write(script(pickle)))) {
      assertThat(source.tensors().keySet()).containsExactly("bias", "inner.weight");
      assertThat(floats(source.tensors().get("inner.weight"))).containsExactly(0, 1, 2, 3, 4, 5);
    }
    // A file of torch.save has no such classes.
    refusedPickle(pickle).hasMessageContaining("it uses '__torch__.Outer'").hasMessageContaining("nothing is executed");
    refused(script(new Pickler().global("os", "system").text("exit").op(0x85, 'R').end()))
        .hasMessageContaining("it uses 'os.system'");
    refused(script(new Pickler().global("__torch__evil", "A").end())).hasMessageContaining("it uses '__torch__evil.A'");
  }

  @Test
  void scriptArchivesThatLeadAstray() {
    var module = new Pickler().global("__torch__", "A").op(')', 0x81);
    refused(script(new Pickler().ascii(steps(module)).end())).hasMessageContaining("expected tensors, got a module without any");
    refused(script(new Pickler().ascii(steps(module)).op(']', 'b').end()))
        .hasMessageContaining("expected a module's attributes in a dictionary, got a list");
    refused(script(new Pickler().ascii(steps(module)).op('q', 0, '}').text("self").op('h', 0, 's', 'b').end()))
        .hasMessageContaining("'self.' is a module that is elsewhere, too");
    var deep = new Pickler();
    for (int i = 0; i < 100_000; i++) deep.ascii(steps(module)).op('}').text("a");
    deep.tensor("0", 6, 6);
    for (int i = 0; i < 100_000; i++) deep.op('s', 'b');
    refused(script(deep.end())).hasMessageContaining("expected modules nested at most 64 deep");
    // One dictionary of many names for many modules would be looked through as often.
    var many = new Pickler().op('}', 'q', 0, '(');
    for (int i = 0; i < 100_000; i++) many.text("n" + i).op('N');
    many.op('u', '0').ascii(steps(module)).op('}', '(');
    for (int i = 0; i < 100_000; i++) many.text("m" + i).ascii(steps(module)).op('h', 0, 'b');
    refused(script(many.op('u', 'b').end())).hasMessageContaining("is a module that is elsewhere, too");
    refused(script(new Pickler().ascii(steps(module)).op('}', '(').text("a.b").tensor("0", 6, 6).text("a").ascii(steps(module)).op('}')
        .text("b").tensor("0", 6, 6).op('s', 'b', 'u', 'b').end())).hasMessageContaining("there are two tensors 'a.b'");
  }

  /// The steps of a pickle, to be put into another.
  private static String steps(Pickler pickle) {
    return new String(pickle.bytes(), StandardCharsets.ISO_8859_1).substring(2);
  }

  @ParameterizedTest
  @CsvSource({"os, system", "posix, system", "builtins, eval", "__builtin__, exec", "subprocess, Popen",
      "numpy.core.multiarray, scalar",
      "torch, load", "torch.nn.modules.linear, Linear", "collections, Counter"})
  void codeIsRefusedByName(String module, String name) {
    var call = "touch " + folder.resolve("executed");
    var global = new Pickler().global(module, name).text(call).op(0x85, 'R').end();
    var stackGlobal = new Pickler().text(module).text(name).op(0x93).text(call).op(0x85, 'R').end();
    var instance = new Pickler().op('(').text(call).ascii("i" + module + "\n" + name + "\n").end();
    for (var pickle : List.of(global, stackGlobal, instance))
      refusedPickle(pickle).hasMessageContaining("it uses '" + module + "." + name + "'")
          .hasMessageContaining("nothing is executed");
    assertThat(folder.resolve("executed")).doesNotExist();
  }

  @Test
  void stepsThatLeadAstray() {
    refusedPickle(new Pickler().op('h', 7).end()).hasMessageContaining("value 7 is used before it is remembered");
    refusedPickle(new Pickler().op('s').end()).hasMessageContaining("a step needs 2 values");
    refusedPickle(new Pickler().op('t').end()).hasMessageContaining("needs a mark");
    refusedPickle(new Pickler().op('}').text("a").op('(', 's').end()).hasMessageContaining("a step needs 2 values");
    refusedPickle(new Pickler().op('}', '(').text("a").op('u').end()).hasMessageContaining("a key has no value");
    refusedPickle(new Pickler().text("x").op(')', 'R').end()).hasMessageContaining("expected a function to call, got a text");
    refusedPickle(new Pickler().text("x").op('}', 'b').end())
        .hasMessageContaining("expected attributes of a dictionary, got those of a text");
    refusedPickle(new Pickler().op('(').text("module").text("x").op('N', 'N', 'N', 't', 'Q').end())
        .hasMessageContaining("got a whole module");
    refusedPickle(new Pickler().op('P').ascii("1\n").end()).hasMessageContaining("got 'P'");
    refusedPickle(new Pickler().op(0x82, 1).end()).hasMessageContaining("got 0x82");
    refused(Pickler.torchZip(new Pickler().op('}').bytes(), Map.of())).hasMessageContaining("expected 1 more bytes, got 0");
    refused(Pickler.torchZip(new byte[] {(byte) 0x80, 9}, Map.of())).hasMessageContaining("expected protocol 2 to 5, got 9");
  }

  @Test
  void hugeLengths() {
    refusedPickle(new Pickler().op(0x8d).number(8, Long.MAX_VALUE).end()).hasMessageContaining("got one of 9223372036854775807");
    refusedPickle(new Pickler().op('X').number(4, 0xffff_ffffL).end()).hasMessageContaining("got one of 4294967295");
    refusedPickle(new Pickler().op(0x95).number(8, -1).end()).hasMessageContaining("expected 18446744073709551615 more bytes");
    refusedPickle(new Pickler().op(0x8b).number(4, 1 << 30).end()).hasMessageContaining("an integer has 1073741824 bytes");
    refusedPickle(new Pickler().op('}').text("a").tensor("0", Long.MAX_VALUE, 6).op('s').end())
        .hasMessageContaining("expected 9223372036854775807 elements");
    refusedPickle(new Pickler().op('}').text("a").tensor("0", -1, 6).op('s').end())
        .hasMessageContaining("storage '0': expected -1 elements");
    refusedPickle(new Pickler().op('}').text("a").tensor("0", 6, 1L << 40, 1L << 40).op('s').end())
        .hasMessageContaining("tensor 'a'");
    refusedPickle(one(0, new long[] {1L << 40, 2}, new long[] {0, 1}))
        .hasMessageContaining("expected fewer elements than the file has bytes");
    refusedPickle(one(0, new long[] {2, 2}, new long[] {Long.MAX_VALUE, 1})).hasMessageContaining("tensor 'a'");
    refusedPickle(one(-1, new long[] {2}, new long[] {1})).hasMessageContaining("tensor 'a': reaches from element -1");
    refusedPickle(one(0, new long[] {2}, new long[] {-1})).hasMessageContaining("expected lengths and strides of at least 0");
    refusedPickle(one(1, new long[] {2, 3}, new long[] {3, 1}))
        .hasMessageContaining("reaches from element 1 to 6 of a storage of 6");
    refusedPickle(one(0, new long[] {2}, new long[] {1, 1})).hasMessageContaining("as many strides as dimensions");
  }

  private static byte[] one(long offset, long[] shape, long[] strides) {
    return new Pickler().op('}').text("a").view("FloatStorage", "0", 6, offset, shape, strides).op('s').end();
  }

  /// Nests and references that would cost a recursive reader its stack, or a comparing one all time there is.
  @Test
  void deepNestsAndCycles() {
    var deep = new Pickler();
    for (int i = 0; i < 500_000; i++) deep.op(']');
    for (int i = 1; i < 500_000; i++) deep.op('a');
    refusedPickle(deep.end()).hasMessageContaining("expected a dictionary of tensors, got a list");
    var marks = new Pickler();
    for (int i = 0; i < 500_000; i++) marks.op('(');
    refusedPickle(marks.end()).hasMessageContaining("a step needs a value");
    var dicts = new Pickler();
    for (int i = 0; i < 100_000; i++) dicts.op('}').text("model");
    dicts.op('}');
    for (int i = 0; i < 100_000; i++) dicts.op('s');
    refusedPickle(dicts.end()).hasMessageContaining("expected tensors");
    var laughs = new Pickler().op('}', 'q', 0);
    for (int i = 0; i < 64; i++) laughs.op('2', 0x86, '2', 0x86);
    refusedPickle(laughs.end()).hasMessageContaining("got a tuple");
    var cycle = new Pickler().op('}', 'q', 0, '(');
    for (var place : List.of("state_dict", "model", "teacher", "module", "net")) cycle.text(place).op('h', 0);
    refusedPickle(cycle.op('u').end()).hasMessageContaining("expected tensors");
    var self = new Pickler().op('}', 'q', 0, '(').op('h', 0).op('h', 0).text("a").tensor("0", 6, 6).op('u').end();
    try (var source = Source.open(write(Pickler.torchZip(self, Map.of("0", SIX))))) {
      assertThat(source.tensors()).containsOnlyKeys("a");
    }
    var steps = new byte[5_000_000];
    Arrays.fill(steps, (byte) 'N');
    steps[0] = (byte) 0x80;
    steps[1] = 2;
    refused(Pickler.torchZip(steps, Map.of())).hasMessageContaining("more than 4000000 steps");
  }

  @Test
  void storagesThatDoNotFit() {
    var pickle = one(0, new long[] {6}, new long[] {1});
    refused(Pickler.torchZip(pickle, Map.of())).hasMessageContaining("the entry 'archive/data/0' is missing");
    refused(Pickler.torchZip(pickle, Map.of("0", new byte[23])))
        .hasMessageContaining("storage '0': expected 6 elements of 4 bytes, got 23 bytes");
    refused(Pickler.stream(pickle, Map.of())).hasMessageContaining("storage '0' is missing");
    refused(Pickler.stream(pickle, Map.of("0", SIX, "1", SIX))).hasMessageContaining("one that no tensor uses");
    refused(Pickler.stream(pickle, Map.of("0", new byte[20]))).hasMessageContaining("storage '0': expected 6 elements");
    var stream = Pickler.stream(pickle, Map.of("0", SIX));
    refused(Arrays.copyOf(stream, stream.length - 1)).hasMessageContaining("is the file truncated?");
    refused(Arrays.copyOf(stream, stream.length + 1)).hasMessageContaining("1 bytes follow the last storage");
    var path = new Pickler().op('}').text("a").tensor("../../secret", 6, 6).op('s').end();
    refusedPickle(path).hasMessageContaining("expected a storage's key, got '../../secret'");
    refusedPickle(new Pickler().op('}').text("a\n\033[31mb").tensor("0", 6, 6).op('s').end())
        .hasMessageContaining("expected names without control characters, got 'a??[31mb'");
    var types = new Pickler().op('}', '(').text("a").tensor("0", 6, 6).text("b").view("IntStorage", "0", 6, 0, new long[] {6},
        new long[] {1}).op('u').end();
    refusedPickle(types).hasMessageContaining("storage '0' is F32 of 6 elements, and elsewhere I32 of 6");
  }
}
