package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.ByteOrder.BIG_ENDIAN;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.regex.Pattern;

/// NumPy's `.npz`: a zip of `.npy` files, each an array (ref: numpy `lib/format.py`, formats 1.0 to 3.0).
final class NpzFile {
  private static final String ENDING = ".npy";
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int MAX_HEADER = 1 << 16;
  private static final Pattern DESCR = Pattern.compile("'descr': *('[^']*'|\\[)");
  private static final Pattern FORTRAN = Pattern.compile("'fortran_order': *(True|False)");
  private static final Pattern SHAPE = Pattern.compile("'shape': *\\(([0-9, ]*)\\)");
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");

  private NpzFile() {}

  static boolean isNpz(ZipArchive zip) {
    return !zip.names().isEmpty() && zip.names().stream().allMatch(name -> name.endsWith(ENDING));
  }

  static Source read(MappedFile file, ZipArchive zip) {
    var tensors = new LinkedHashMap<String, SourceTensor>();
    for (var entry : zip.names()) {
      var name = entry.substring(0, entry.length() - ENDING.length());
      tensors.put(name, new Array(file, name, zip.bytes(entry)).tensor());
    }
    return new Source(file.path().toString(), tensors, List.of(), List.of(file));
  }

  /// One `.npy` file.
  private record Array(MappedFile file, String name, MemorySegment bytes) {
    private CheckpointException broken(String why) {
      return new CheckpointException((file.path() + ": array '" + name + "': " + why).replaceAll("\\p{Cntrl}", "?"));
    }

    private SourceTensor tensor() {
      var header = header();
      var text = new String(header.toArray(JAVA_BYTE), StandardCharsets.ISO_8859_1);
      var descr = field(DESCR, text, "descr");
      var dtype = dtype(descr);
      boolean columns = field(FORTRAN, text, "fortran_order").equals("True");
      var shape = new ArrayList<Long>();
      for (var length : field(SHAPE, text, "shape").split(",")) {
        if (length.isBlank()) continue;
        if (!NUMBER.matcher(length.strip()).matches()) throw broken("expected a length, got '" + length + "'");
        shape.add(Long.parseLong(length.strip()));
      }
      var elements = bytes.asSlice(header.address() - bytes.address() + header.byteSize());
      var strides = columns ? SourceTensor.rowMajor(shape.reversed()).reversed() : SourceTensor.rowMajor(shape);
      try {
        var tensor = new SourceTensor(name, dtype, shape, strides, 0, elements, descr.charAt(1) == '>' ? BIG_ENDIAN
            : LITTLE_ENDIAN);
        if (tensor.size() != elements.byteSize() / dtype.bytes() || elements.byteSize() % dtype.bytes() != 0)
          throw broken("expected " + tensor.size() + " elements of " + dtype.bytes() + " bytes, got " + elements.byteSize()
              + " bytes");
        return tensor;
      } catch (CheckpointException e) {
        throw e.getMessage().startsWith(file.path().toString()) ? e
            : new CheckpointException(file.path() + ": " + e.getMessage(), e);
      }
    }

    private MemorySegment header() {
      if (bytes.byteSize() < MAGIC.length + 6 || bytes.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) >= 0)
        throw broken("does not begin as an .npy file");
      int version = bytes.get(JAVA_BYTE, MAGIC.length), from = MAGIC.length + 2, lengthBytes = version == 1 ? 2 : 4;
      if (version < 1 || version > 3) throw broken("expected format 1 to 3, got " + version);
      long length = 0;
      for (int i = 0; i < lengthBytes; i++) length |= (bytes.get(JAVA_BYTE, from + i) & 0xffL) << 8 * i;
      from += lengthBytes;
      if (length > MAX_HEADER || length > bytes.byteSize() - from)
        throw broken("expected a header of at most " + MAX_HEADER + " bytes, got " + length);
      return bytes.asSlice(from, length);
    }

    private String field(Pattern pattern, String header, String field) {
      var found = pattern.matcher(header);
      if (!found.find()) throw broken("'" + field + "' is missing or wrong");
      return found.group(1);
    }

    private DType dtype(String descr) {
      return switch (descr) {
        case "'<f8'", "'>f8'" -> DType.F64;
        case "'<f4'", "'>f4'" -> DType.F32;
        case "'<f2'", "'>f2'" -> DType.F16;
        case "'<i8'", "'>i8'" -> DType.I64;
        case "'<i4'", "'>i4'" -> DType.I32;
        case "'<i2'", "'>i2'" -> DType.I16;
        case "'|i1'" -> DType.I8;
        case "'|u1'" -> DType.U8;
        case "'|b1'" -> DType.BOOL;
        case "'|O'" -> throw broken("holds Python objects, which are not read: nothing is executed");
        default -> throw broken("expected numbers of a type such as '<f4', got " + descr);
      };
    }
  }
}
