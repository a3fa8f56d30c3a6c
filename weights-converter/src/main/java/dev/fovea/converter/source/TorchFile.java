package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.nio.ByteOrder.BIG_ENDIAN;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.converter.source.PickleValue.Items;
import dev.fovea.converter.source.PickleValue.Storage;
import dev.fovea.converter.source.PickleValue.TensorView;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Reads files of `torch.save`: a zip of a pickle and storages or, before PyTorch 1.6, a stream of pickles followed by the storages
/// (ref: PyTorch, `torch/serialization.py`, `_save` and `_legacy_save`); and TorchScript archives, which are such zips with code,
/// which is ignored (ref: PyTorch, `torch/csrc/jit/serialization/pickler.cpp`).
final class TorchFile {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;
  private static final String PICKLE = "/data.pkl";
  /// An entry that only TorchScript archives have.
  private static final String CONSTANTS = "constants.pkl";
  private static final long MIN_ELEMENTS = 1 << 20;
  private static final ValueLayout.OfLong COUNT = JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private TorchFile() {}

  /// Locates the bytes of storages.
  private interface Storages {
    MemorySegment bytes(Storage storage);
  }

  /// The pickle of a zip; null unless there is exactly one.
  static @Nullable String pickleIn(ZipArchive zip) {
    var pickles = zip.names().stream().filter(name -> name.endsWith(PICKLE)
        && name.indexOf('/') == name.length() - PICKLE.length()).toList();
    return pickles.size() == 1 ? pickles.getFirst() : null;
  }

  /// @param pickle the pickle's entry
  static Source readZip(MappedFile file, ZipArchive zip, String pickle) {
    var name = file.path().toString();
    var folder = pickle.substring(0, pickle.length() - PICKLE.length() + 1);
    var read = zip.has(folder + CONSTANTS) ? Pickle.readScript(name, zip.bytes(pickle)) : Pickle.read(name, zip.bytes(pickle), 0);
    var state = StateDict.of(name, read.value());
    var unpacked = new HashMap<String, MemorySegment>();
    return source(file, state, byteOrder(name, zip, folder), storage -> {
      var bytes = unpacked.computeIfAbsent(storage.key(), key -> zip.bytes(folder + "data/" + key));
      if (storage.numel() < 0 || storage.numel() != bytes.byteSize() / elementBytes(storage)
          || bytes.byteSize() % elementBytes(storage) != 0)
        throw new CheckpointException(name + ": storage '" + storage.key() + "': expected " + storage.numel() + " elements of "
            + elementBytes(storage)
            + " bytes, got " + bytes.byteSize() + " bytes");
      return bytes;
    });
  }

  private static ByteOrder byteOrder(String file, ZipArchive zip, String folder) {
    if (!zip.has(folder + "byteorder")) return LITTLE_ENDIAN;
    var bytes = zip.bytes(folder + "byteorder");
    var order = new String(bytes.asSlice(0, Math.min(bytes.byteSize(), 16)).toArray(JAVA_BYTE),
        StandardCharsets.US_ASCII).strip();
    return switch (order) {
      case "little" -> LITTLE_ENDIAN;
      case "big" -> BIG_ENDIAN;
      default -> throw new CheckpointException(file + ": byteorder: expected little or big, got '"
          + order.replaceAll("\\p{Cntrl}", "?") + "'");
    };
  }

  private static int elementBytes(Storage storage) {
    return storage.dtype() == null ? 1 : storage.dtype().bytes();
  }

  /// Whether a file begins like the older stream.
  static boolean isStream(MemorySegment bytes) {
    return bytes.byteSize() > 2 && bytes.get(JAVA_BYTE, 0) == (byte) 0x80 && bytes.get(JAVA_BYTE, 1) >= 0
        && bytes.get(JAVA_BYTE, 1) <= 5;
  }

  static Source readStream(MappedFile file) {
    var name = file.path().toString();
    var magic = Pickle.read(name, file.bytes(), 0);
    if (!MAGIC.equals(magic.value()))
      throw new CheckpointException(name + ": not a file of torch.save: expected its magic number, got "
          + Pickle.kind(magic.value()));
    var protocol = Pickle.read(name, file.bytes(), magic.end());
    if (!Objects.equals(protocol.value(), PROTOCOL))
      throw new CheckpointException(name + ": not a file of torch.save: expected protocol " + PROTOCOL);
    var system = Pickle.read(name, file.bytes(), protocol.end());
    var saved = Pickle.read(name, file.bytes(), system.end());
    var state = StateDict.of(name, saved.value());
    var keys = Pickle.read(name, file.bytes(), saved.end());
    if (!(keys.value() instanceof Items(var list)))
      throw new CheckpointException(name + ": expected a list of storages, got " + Pickle.kind(keys.value()));
    var storages = streamed(name, file.bytes(), keys.end(), list, saved.storages());
    return source(file, state, LITTLE_ENDIAN, storage -> {
      var bytes = storages.get(storage.key());
      if (bytes == null) throw new CheckpointException(name + ": storage '" + storage.key() + "' is missing");
      if (storage.numel() != bytes.byteSize() / elementBytes(storage))
        throw new CheckpointException(name + ": storage '" + storage.key() + "': expected " + storage.numel() + " elements, got "
            + bytes.byteSize() + " bytes");
      return bytes;
    });
  }

  /// The storages of a stream in the order of their keys: each is a number of elements, then the elements, little-endian on any
  /// machine.
  private static Map<String, MemorySegment> streamed(String file, MemorySegment bytes, long at, List<@Nullable Object> keys,
      Map<String, Storage> storages) {
    var found = new HashMap<String, MemorySegment>();
    for (var key : keys) {
      if (!(key instanceof String text) || !storages.containsKey(text))
        throw new CheckpointException(file + ": the list of storages has one that no tensor uses");
      if (bytes.byteSize() - at < Long.BYTES)
        throw new CheckpointException(file + ": storage '" + text + "' is missing; is the file truncated?");
      long count = bytes.get(COUNT, at), left = bytes.byteSize() - at - Long.BYTES;
      int each = elementBytes(storages.get(text));
      if (count < 0 || count > left / each)
        throw new CheckpointException(file + ": storage '" + text + "': expected " + Long.toUnsignedString(count)
            + " elements of " + each + " bytes, got "
            + left + " bytes; is the file truncated?");
      at += Long.BYTES;
      if (found.put(text, bytes.asSlice(at, count * each)) != null)
        throw new CheckpointException(file + ": there are two storages '" + text + "'");
      at += count * each;
    }
    if (at != bytes.byteSize())
      throw new CheckpointException(file + ": " + (bytes.byteSize() - at) + " bytes follow the last storage");
    return found;
  }

  private static Source source(MappedFile file, StateDict state, ByteOrder order, Storages storages) {
    var tensors = new LinkedHashMap<String, SourceTensor>();
    state.tensors().forEach((name, view) -> tensors.put(name, tensor(file, name, view, order, storages)));
    return new Source(file.path().toString(), tensors, state.leftOut(), state.classes(), List.of(file));
  }

  private static SourceTensor tensor(MappedFile file, String name, TensorView view, ByteOrder order, Storages storages) {
    var storage = view.storage();
    var bytes = storages.bytes(storage);
    Source.requirePlain(file.path().toString(), name);
    try {
      long each = elementBytes(storage);
      if (storage.offset() < 0 || storage.size() < 0 || storage.offset() > bytes.byteSize() / each - storage.size())
        throw new CheckpointException("tensor '" + name + "': expected a part of its storage");
      var tensor = new SourceTensor(name, view.dtype(), view.shape(), view.strides(), view.offset(),
          bytes.asSlice(each * storage.offset(), each * storage.size()), order);
      // Strides of 0 repeat elements, so a few bytes could expand beyond any memory.
      if (tensor.size() > Math.max(MIN_ELEMENTS, file.bytes().byteSize()))
        throw new CheckpointException("tensor '" + name + "': expected fewer elements than the file has bytes, got "
            + tensor.shape());
      return tensor;
    } catch (CheckpointException e) {
      throw new CheckpointException(file.path() + ": " + e.getMessage(), e);
    }
  }
}
