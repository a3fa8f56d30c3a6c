package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.kernels.Weight;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Checkpoints with elements of which no floats are made.
class ElementTypesTest {
  @TempDir
  private Path place;

  /// The golden case with some tensors in other types, and zeros in them.
  private Path folder(String golden, Map<String, DType> types) {
    var folder = PublishedFolder.of(golden, place).path();
    try (var checkpoint = Checkpoint.open(Renamed.FIXTURES.resolve(golden).resolve("model.safetensors"))) {
      var writer = new CheckpointWriter();
      checkpoint.tensors().values().forEach(each -> {
        var type = types.getOrDefault(each.name(), each.dtype());
        var bytes = type == each.dtype() ? each.data().asByteBuffer() : ByteBuffer.allocate((int) each.size() * type.bytes());
        writer.tensor(each.name(), type, each.shape().stream().mapToLong(Long::longValue).toArray(),
            sink -> sink.write(bytes.duplicate()));
      });
      writer.write(folder.resolve("model.safetensors"));
    }
    return folder;
  }

  @Test
  void aConversionSaysWhichCannotBeTaken() {
    var folder = folder("vit-tiny", Map.of("classifier.weight", DType.F8_E4M3, "vit.layernorm.bias", DType.U32));
    var inspected = Converter.inspect(folder, Conversion.to(Weight.Type.F32));
    assertThat(inspected.tensors()).anyMatch(tensor -> tensor.name().equals("classifier.weight")
        && tensor.dtype() == DType.F8_E4M3);
    assertThatThrownBy(() -> Converter.convert(folder, place.resolve("out.safetensors"), Weight.Type.F32))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(inspected.problem())
        .hasMessageContaining("'classifier.weight': elements of type F8_E4M3 are not supported; expected one of [F64, F32, ")
        .hasMessageContaining("'vit.layernorm.bias': elements of type U32 are not supported");
  }

  /// What has no place in the model is left out, whatever it is made of.
  @Test
  void whatIsLeftOutMayBeAnything() {
    var folder = folder("segformer-tiny", Map.of("decode_head.batch_norm.num_batches_tracked", DType.U64));
    assertThat(Converter.convert(folder, place.resolve("out.safetensors"), Weight.Type.F32).dropped())
        .containsOnlyKeys("decode_head.batch_norm.num_batches_tracked");
  }
}
