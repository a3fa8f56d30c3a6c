package dev.fovea.converter.source;

import dev.fovea.converter.source.PickleValue.Known;
import dev.fovea.converter.source.PickleValue.Known.ElementType;
import dev.fovea.converter.source.PickleValue.Known.Function;
import dev.fovea.converter.source.PickleValue.Known.StorageType;
import dev.fovea.engine.checkpoint.DType;
import java.util.HashMap;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The Python names that a pickle may use: those of tensors and plain containers (ref: PyTorch, `torch/_utils.py`,
/// `torch/storage.py`, `torch/_weights_only_unpickler.py`, `torch/jit/_pickle.py`).
final class PickleGlobals {
  private static final Map<String, Known> KNOWN = known();

  private PickleGlobals() {}

  /// The meaning of a name, or null if it may not be used.
  static @Nullable Known of(String module, String name) {
    return KNOWN.get(module + " " + name);
  }

  private static Map<String, Known> known() {
    var known = new HashMap<String, Known>();
    known.put("torch._utils _rebuild_tensor", Function.REBUILD_TENSOR);
    known.put("torch._utils _rebuild_tensor_v2", Function.REBUILD_TENSOR_V2);
    known.put("torch._utils _rebuild_tensor_v3", Function.REBUILD_TENSOR_V3);
    known.put("torch._utils _rebuild_parameter", Function.REBUILD_PARAMETER);
    known.put("torch._utils _rebuild_parameter_with_state", Function.REBUILD_PARAMETER);
    known.put("collections OrderedDict", Function.ORDERED_DICT);
    known.put("torch Size", Function.SIZE);
    known.put("torch device", Function.DEVICE);
    for (var type : new String[] {"int", "double", "bool", "tensor"})
      known.put("torch.jit._pickle build_" + type + "list", Function.LIST);
    known.put("builtins set", Function.LIST);
    known.put("__builtin__ set", Function.LIST);
    Map.of("Double", DType.F64, "Float", DType.F32, "Half", DType.F16, "BFloat16", DType.BF16, "Long", DType.I64, "Int",
        DType.I32, "Short", DType.I16, "Char", DType.I8, "Byte", DType.U8, "Bool", DType.BOOL).forEach((name, dtype) -> {
          known.put("torch " + name + "Storage", new StorageType(dtype));
          known.put("torch.cuda " + name + "Storage", new StorageType(dtype));
        });
    known.put("torch UntypedStorage", new StorageType(null));
    known.put("torch.storage UntypedStorage", new StorageType(null));
    Map.of("float64", DType.F64, "float32", DType.F32, "float16", DType.F16, "bfloat16", DType.BF16, "int64", DType.I64, "int32",
        DType.I32, "int16", DType.I16, "int8", DType.I8, "uint8", DType.U8, "bool", DType.BOOL)
        .forEach((name, dtype) -> known.put("torch " + name, new ElementType(dtype)));
    return Map.copyOf(known);
  }
}
