package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.DType;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Values of a pickle besides `null`, [String], [Long], [java.math.BigInteger], [Double], [Boolean] and `byte[]`. Containers may
/// contain themselves, so values are never compared or hashed by their contents.
sealed interface PickleValue {
  /// A list or a set.
  record Items(List<@Nullable Object> items) implements PickleValue {}

  record Tuple(List<@Nullable Object> items) implements PickleValue {}

  /// A dictionary, as its entries in order; duplicate keys are kept.
  record Dict(List<@Nullable Object> keys, List<@Nullable Object> values) implements PickleValue {
    Dict() {
      this(new ArrayList<>(), new ArrayList<>());
    }

    void put(@Nullable Object key, @Nullable Object value) {
      keys.add(key);
      values.add(value);
    }

    /// The last value of a key, or null.
    @Nullable Object get(String name) {
      for (int i = keys.size() - 1; i >= 0; i--) if (name.equals(keys.get(i))) return values.get(i);
      return null;
    }
  }

  /// A module of a TorchScript archive, as its attributes by name: tensors, submodules and other values. Its code is ignored.
  final class ScriptModule implements PickleValue {
    private Dict attributes = new Dict();

    Dict attributes() {
      return attributes;
    }

    /// Modules may share a dictionary.
    void setAttributes(Dict attributes) {
      this.attributes = attributes;
    }
  }

  /// The elements `[offset, offset + size)` of a storage, which several tensors may share.
  ///
  /// @param dtype null for bytes whose type the tensors define
  /// @param numel of the whole storage
  record Storage(String key, @Nullable DType dtype, long numel, long offset, long size) implements PickleValue {}

  /// A tensor whose storage may not be located yet.
  record TensorView(Storage storage, DType dtype, long offset, List<Long> shape, List<Long> strides) implements PickleValue {}

  /// A Python name that this reader supports.
  sealed interface Known extends PickleValue {
    /// @param dtype null for bytes without a type
    record StorageType(@Nullable DType dtype) implements Known {}

    record ElementType(DType dtype) implements Known {}

    /// A class of a TorchScript archive; its objects are modules.
    record ScriptClass() implements Known {}

    /// Functions that may be called.
    enum Function implements Known { REBUILD_TENSOR, REBUILD_TENSOR_V2, REBUILD_TENSOR_V3, REBUILD_PARAMETER, ORDERED_DICT, SIZE,
        LIST, DEVICE }
  }
}
