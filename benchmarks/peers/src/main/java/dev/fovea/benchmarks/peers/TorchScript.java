package dev.fovea.benchmarks.peers;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// PyTorch's operations that DJL has no method for, each a method of a module in TorchScript that calls it and nothing else
/// (ref: pytorch `torch/csrc/jit/docs/serialization.md`).
final class TorchScript implements AutoCloseable {
  private static final String CODE = """
      class Operations(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
        def sampled(self: __torch__.Operations, x: Tensor, places: Tensor) -> Tensor:
          return torch.grid_sampler(x, places, 0, 0, False)
        def group_norm(self: __torch__.Operations, x: Tensor, groups: int, weight: Tensor, bias: Tensor) -> Tensor:
          return torch.group_norm(x, groups, weight, bias, 1e-05, True)
        def rolled(self: __torch__.Operations, x: Tensor, by: int) -> Tensor:
          return torch.roll(x, [by, by], [1, 2])
      """;

  private final PtSymbolBlock module;

  TorchScript(NDManager manager) {
    try {
      module = JniUtils.loadModule((PtNDManager) manager, new ByteArrayInputStream(archive()), false, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Bilinear, zeros outside, corners not aligned.
  NDArray sampled(NDArray x, NDArray places) {
    return run("sampled", x, value(x), value(places));
  }

  NDArray groupNorm(NDArray x, int groups, NDArray weight, NDArray bias) {
    return run("group_norm", x, value(x), IValue.from((long) groups), value(weight), value(bias));
  }

  /// Dimensions 1 and 2.
  NDArray rolled(NDArray x, int by) {
    return run("rolled", x, value(x), IValue.from((long) by));
  }

  private NDArray run(String method, NDArray x, IValue... inputs) {
    try (var result = IValueUtils.runMethod(module, method, inputs)) {
      return result.toTensor((PtNDManager) x.getManager());
    } finally {
      Arrays.stream(inputs).forEach(IValue::close);
    }
  }

  private static IValue value(NDArray array) {
    return IValue.from((PtNDArray) array);
  }

  /// A saved module: its code, no parameters, and a pickled object with one field.
  private static byte[] archive() throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(bytes)) {
      var field = "training";
      var object = "\u0080\u0002c__torch__\nOperations\n)\u0081}(X" + (char) field.length() + "\0\0\0" + field + "\u0089ub.";
      write(zip, "data.pkl", object.getBytes(StandardCharsets.ISO_8859_1));
      write(zip, "code/__torch__.py", CODE.getBytes(StandardCharsets.UTF_8));
      write(zip, "constants.pkl", "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1));
      write(zip, "version", "3\n".getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static void write(ZipOutputStream zip, String name, byte[] content) throws IOException {
    var entry = new ZipEntry("operations/" + name);
    var crc = new CRC32();
    crc.update(content);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  @Override
  public void close() {
    module.close();
  }
}
