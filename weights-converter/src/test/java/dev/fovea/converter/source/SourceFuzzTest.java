package dev.fovea.converter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Broken files of every format end in a [CheckpointException] and in nothing else, in bounded time.
@Timeout(60)
class SourceFuzzTest {
  private static final int ROUNDS = 1000;
  private static final int MAX_READ = 1000;
  private static final byte[] SIX = Pickler.floats(0, 1, 2, 3, 4, 5);

  /// What a pickle may be changed into: steps, and numbers that are often at the edge of something.
  private static final int[] TOKENS = {'(', '.', '0', '1', '2', 'N', 'J', 'K', 'M', 0x8a, 0x8b, 'G', 'X', 'U', 0x8c, 0x8d, 'B',
      ']', 'a', 'e', ')', 't', 0x85,
      0x86, 0x87, '}', 's', 'u', 'd', 'q', 'r', 0x94, 'h', 'j', 'c', 0x93, 'i', 'R', 0x81, 'b', 'Q', 0x95, 0x80, 0, 1, 0x7f,
          0xff};

  @TempDir
  private Path folder;

  private static byte[] pickle() {
    return new Pickler().op('}', '(').text("epoch").integer(3).text("state_dict").global("collections", "OrderedDict").op(')',
        'R', 'q', 1, '(')
        .text("module.a").tensor("0", 6, 2, 3).text("module.b").view("FloatStorage", "0", 6, 0, new long[] {3, 2},
            new long[] {1, 3})
        .text("module.c").tensor("1", 6, 6).op('u', 'u').end();
  }

  private static Map<String, byte[]> storages() {
    var storages = new LinkedHashMap<String, byte[]>();
    storages.put("0", SIX);
    storages.put("1", SIX);
    return storages;
  }

  private static byte[] npz(int method) {
    var entries = new LinkedHashMap<String, byte[]>();
    entries.put("a/b.npy", ZipArchiveTest.npy("<f4", "False", "(2, 3)", SIX));
    entries.put("c.npy", ZipArchiveTest.npy(">f4", "True", "(3, 2)", SIX));
    return Pickler.zip(method, entries);
  }

  /// @return whether the file was accepted
  private boolean survives(String name, byte[] bytes, String what) throws IOException {
    var file = folder.resolve(name);
    Files.write(file, bytes);
    try (var source = Source.open(file)) {
      for (var tensor : source.tensors().values()) for (long i = 0; i < Math.min(MAX_READ, tensor.size()); i++) tensor.floatAt(i);
      if (source.graph() != null) {
        source.graph().heads("l");
        source.graph().activation("l");
        source.graph().epsilon("n");
        source.graph().countsTokens("n.weight");
      }
      return true;
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).as(what).startsWith(folder.toString());
      return false;
    } catch (Throwable e) {
      return fail(what + ": " + Base64.getEncoder().encodeToString(bytes), e);
    }
  }

  private void fuzz(String name, byte[] valid, int seed) throws IOException {
    assertThat(survives(name, valid, "valid")).isTrue();
    var random = new Random(seed);
    int accepted = 0;
    for (int i = 0; i < ROUNDS; i++) {
      var bytes = valid.clone();
      for (int n = random.nextInt(4); n >= 0; n--)
        bytes[random.nextInt(bytes.length)] = (byte) (random.nextBoolean() ? random.nextInt(256)
            : TOKENS[random.nextInt(TOKENS.length)]);
      if (survives(name, bytes, name + " " + i)) accepted++;
    }
    assertThat(accepted).as("accepted").isBetween(1, ROUNDS - 1);
    for (int i = 0; i < ROUNDS / 10; i++)
      survives(name, Arrays.copyOf(valid, random.nextInt(valid.length)), name + " truncated " + i);
  }

  @Test
  void streams() throws IOException {
    fuzz("stream.pth", Pickler.stream(pickle(), storages()), 1);
  }

  @Test
  void zips() throws IOException {
    fuzz("zip.pth", Pickler.torchZip(pickle(), storages()), 2);
  }

  @Test
  void scripts() throws IOException {
    var contents = new LinkedHashMap<String, byte[]>();
    for (var name : new String[] {"a", "b.c", "b.d.e"}) contents.put(name, SIX);
    fuzz("script.pt", Pickler.scriptZip(Map.of("a", new long[] {6}, "b.c", new long[] {2, 3}, "b.d.e", new long[] {3, 2}), contents), 7);
  }

  @Test
  void arrays() throws IOException {
    fuzz("stored.npz", npz(ZipEntry.STORED), 3);
    fuzz("deflated.npz", npz(ZipEntry.DEFLATED), 4);
  }

  private static OnnxWriter graph() {
    return new OnnxWriter().initializer(OnnxWriter.floats("l.bias", new float[] {1, 2, 3}, 3))
        .initializer(OnnxWriter.floats("onnx::MatMul_1", new float[] {0, 1, 2, 3, 4, 5}, 2, 3))
        .node("MatMul", "/l/MatMul", List.of("x", "onnx::MatMul_1"), "y").node("Add", "/l/Add", List.of("l.bias", "y"), "z")
        .initializer(OnnxWriter.tensor("n.weight", OnnxWriter.FLOAT16, 3).bytes(5, OnnxWriter.packed(0x3c00, 0, 1)))
        .initializer(OnnxWriter.external(OnnxWriter.tensor("n.bias", OnnxWriter.FLOAT, 3), Map.of("location", "beside", "offset", "4")))
        .constant("/Constant_output_0", OnnxWriter.integers("", 0, 0, 3, 1))
        .node("Reshape", "/Reshape", List.of("z", "/Constant_output_0"), "v");
  }

  /// Changed bytes, which the reader of the graph's facts also survives.
  @Test
  void graphs() throws IOException {
    Files.write(folder.resolve("beside"), SIX);
    fuzz("graph.onnx", graph().model(), 8);
  }

  /// Fields put together at random.
  @Test
  void fields() throws IOException {
    var random = new Random(9);
    for (int i = 0; i < ROUNDS; i++) {
      var graph = new OnnxWriter.Message();
      for (int n = random.nextInt(8); n >= 0; n--) graph.message(random.nextInt(16), field(random, 3));
      survives("fields.onnx", new OnnxWriter.Message().message(7, graph).bytes(), "fields " + i);
    }
  }

  private static OnnxWriter.Message field(Random random, int depth) {
    var message = new OnnxWriter.Message();
    for (int n = random.nextInt(8); n >= 0; n--) {
      int field = random.nextInt(16);
      switch (random.nextInt(depth > 0 ? 5 : 4)) {
        case 0 -> message.integer(field, random.nextBoolean() ? random.nextInt(20) : random.nextLong());
        case 1 -> message.text(field, List.of("MatMul", "Add", "Gemm", "a.weight", "a.bias", "onnx::MatMul_1", "value").get(random.nextInt(7)));
        case 2 -> message.float32(field, random.nextFloat());
        case 3 -> message.bytes(field, SIX);
        default -> message.message(field, field(random, depth - 1));
      }
    }
    return message;
  }

  /// Pickles whose steps are put together at random, so that they get further than changed bytes do.
  @Test
  void pickles() throws IOException {
    var random = new Random(5);
    byte[][] pieces = {new Pickler().text("state_dict").bytes(), new Pickler().text("a").bytes(),
        new Pickler().tensor("0", 6, 6).bytes(),
        new Pickler().global("collections", "OrderedDict").bytes(),
            new Pickler().global("torch._utils", "_rebuild_tensor_v2").bytes(),
        new Pickler().global("torch", "FloatStorage").bytes(), new Pickler().tuple(2, 3).bytes(),
            new Pickler().integer(-1).bytes(),
        new Pickler().global("__torch__.a", "B").op(')', 0x81).bytes(), new Pickler().global("os", "system").bytes()};
    for (int i = 0; i < ROUNDS; i++) {
      var pickle = new Pickler();
      for (int n = random.nextInt(40); n >= 0; n--) {
        if (random.nextInt(3) == 0) pickle.ascii(new String(pieces[random.nextInt(pieces.length)], StandardCharsets.ISO_8859_1));
        else pickle.op(TOKENS[random.nextInt(TOKENS.length)]);
      }
      var bytes = pickle.end();
      survives("steps.pth", Pickler.torchZip(bytes, storages()), "steps " + i);
      survives("steps.pt", Pickler.zip(ZipEntry.STORED, Map.of("archive/data.pkl", bytes, "archive/data/0", SIX, "archive/data/1", SIX,
          "archive/constants.pkl", new byte[0])), "script steps " + i);
    }
  }

  @Test
  void indexes() throws IOException {
    Files.write(folder.resolve("1.bin"), Pickler.torchZip(new Pickler().op('}').text("a").tensor("0", 6, 6).op('s').end(),
        Map.of("0", SIX)));
    Files.write(folder.resolve("2.bin"), Pickler.torchZip(new Pickler().op('}').text("b").tensor("0", 6, 6).op('s').end(),
        Map.of("0", SIX)));
    var index = "{\"metadata\": {\"total_size\": 48}, \"weight_map\": {\"a\": \"1.bin\", \"b\": \"2.bin\"}}";
    fuzz("pytorch_model.bin.index.json", index.getBytes(StandardCharsets.UTF_8), 6);
  }
}
