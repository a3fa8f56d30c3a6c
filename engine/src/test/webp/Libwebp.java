import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.function.Consumer;

/// The functions of the libraries that are called.
final class Libwebp {
  static final int CONFIG_INTS = 29;
  private static final int CONFIG_VERSION = 0x020f, DECODER_VERSION = 0x0209, DEMUX_VERSION = 0x0107;

  // struct WebPPicture, bytes
  private static final int PICTURE_BYTES = 256;
  private static final int WIDTH = 8;
  private static final int HEIGHT = 12;
  private static final int WRITER = 96;
  private static final int CUSTOM = 104;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

  private final SymbolLookup library = SymbolLookup.libraryLookup("libwebp.so.7", Arena.global())
      .or(SymbolLookup.libraryLookup("libwebpdemux.so.2", Arena.global()));
  private final MethodHandle configInit = function("WebPConfigInitInternal", INT, POINTER, INT, ValueLayout.JAVA_FLOAT, INT);
  private final MethodHandle pictureInit = function("WebPPictureInitInternal", INT, POINTER, INT);
  private final MethodHandle importRgbx = function("WebPPictureImportRGBX", INT, POINTER, POINTER, INT);
  private final MethodHandle importRgba = function("WebPPictureImportRGBA", INT, POINTER, POINTER, INT);
  private final MethodHandle encode = function("WebPEncode", INT, POINTER, POINTER);
  private final MethodHandle pictureFree = procedure("WebPPictureFree", POINTER);
  private final MethodHandle writerInit = procedure("WebPMemoryWriterInit", POINTER);
  private final MethodHandle writerClear = procedure("WebPMemoryWriterClear", POINTER);
  private final MethodHandle decodeRgb = function("WebPDecodeRGB", POINTER, POINTER, LONG, POINTER, POINTER);
  private final MethodHandle free = procedure("WebPFree", POINTER);
  private final MethodHandle features = function("WebPGetFeaturesInternal", INT, POINTER, LONG, POINTER, INT);
  private final MethodHandle decoderNew = function("WebPAnimDecoderNewInternal", POINTER, POINTER, POINTER, INT);
  private final MethodHandle decoderInfo = function("WebPAnimDecoderGetInfo", INT, POINTER, POINTER);
  private final MethodHandle decoderNext = function("WebPAnimDecoderGetNext", INT, POINTER, POINTER, POINTER);
  private final MethodHandle decoderDelete = procedure("WebPAnimDecoderDelete", POINTER);

  private MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  private MethodHandle procedure(String name, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.ofVoid(arguments));
  }

  /// @param isArgb whether the encoder keeps the pixels as they are, as it does for lossless pictures
  /// @param settings sets what differs from the defaults in `struct WebPConfig`
  byte[] encode(byte[] rgba, int width, int height, boolean isArgb, boolean hasAlpha, Consumer<MemorySegment> settings)
      throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var config = arena.allocate(4 * CONFIG_INTS, 8);
      check((int) configInit.invoke(config, 0, 75f, CONFIG_VERSION));
      settings.accept(config);
      var picture = arena.allocate(PICTURE_BYTES, 8);
      check((int) pictureInit.invoke(picture, CONFIG_VERSION));
      picture.set(INT, 0, isArgb ? 1 : 0);
      picture.set(INT, WIDTH, width);
      picture.set(INT, HEIGHT, height);
      var pixels = arena.allocateFrom(ValueLayout.JAVA_BYTE, rgba);
      check((int) (hasAlpha ? importRgba : importRgbx).invoke(picture, pixels, 4 * width));
      var writer = arena.allocate(64, 8);
      writerInit.invoke(writer);
      picture.set(ValueLayout.ADDRESS, WRITER, library.findOrThrow("WebPMemoryWrite"));
      picture.set(ValueLayout.ADDRESS, CUSTOM, writer);
      check((int) encode.invoke(config, picture));
      long size = writer.get(LONG, 8);
      var webp = writer.get(ValueLayout.ADDRESS, 0).reinterpret(size).toArray(ValueLayout.JAVA_BYTE);
      pictureFree.invoke(picture);
      writerClear.invoke(writer);
      return webp;
    }
  }

  private static void check(int ok) {
    if (ok == 0) throw new IllegalStateException("libwebp refuses");
  }

  /// Whether a file claims more pixels than the tests are to decode.
  boolean isHuge(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var found = arena.allocate(40, 8);
      var bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, webp);
      int status = (int) features.invoke(bytes, (long) webp.length, found, DECODER_VERSION);
      return status == 0 && (long) found.get(INT, 0) * found.get(INT, 4) > 200_000;
    }
  }

  /// What a file is decoded to.
  ///
  /// @param rgb `[height][width][3]`
  record Decoded(int width, int height, byte[] rgb) {
    /// `WIDTHxHEIGHT` and the hash of the samples.
    @Override
    public String toString() {
      try {
        return width + "x" + height + " " + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rgb));
      } catch (java.security.NoSuchAlgorithmException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /// By `WebPDecodeRGB`; null where that refuses.
  Decoded decodeRgb(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var size = arena.allocate(8, 4);
      var pixels = (MemorySegment) decodeRgb.invoke(
          arena.allocateFrom(ValueLayout.JAVA_BYTE, webp), (long) webp.length, size, size.asSlice(4));
      if (pixels.equals(MemorySegment.NULL)) return null;
      int width = size.get(INT, 0), height = size.get(INT, 4);
      var decoded = new Decoded(width, height, pixels.reinterpret(3L * width * height).toArray(ValueLayout.JAVA_BYTE));
      free.invoke(pixels);
      return decoded;
    }
  }

  /// The first frame's canvas, as Pillow decodes it; null where that is refused.
  Decoded decodeFrame(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, webp);
      if ((int) features.invoke(bytes, (long) webp.length, arena.allocate(40, 8), DECODER_VERSION) != 0) return null;
      var source = arena.allocate(16, 8);
      source.set(ValueLayout.ADDRESS, 0, bytes);
      source.set(LONG, 8, webp.length);
      var decoder = (MemorySegment) decoderNew.invoke(source, MemorySegment.NULL, DEMUX_VERSION);
      if (decoder.equals(MemorySegment.NULL)) return null;
      try {
        var info = arena.allocate(64, 8);
        var next = arena.allocate(16, 8);
        check((int) decoderInfo.invoke(decoder, info));
        if ((int) decoderNext.invoke(decoder, next, next.asSlice(8)) == 0) return null;
        int width = info.get(INT, 0), height = info.get(INT, 4);
        byte[] rgba = next.get(ValueLayout.ADDRESS, 0).reinterpret(4L * width * height).toArray(ValueLayout.JAVA_BYTE);
        var rgb = new byte[3 * width * height];
        for (int i = 0; i < width * height; i++) System.arraycopy(rgba, 4 * i, rgb, 3 * i, 3);
        return new Decoded(width, height, rgb);
      } finally {
        decoderDelete.invoke(decoder);
      }
    }
  }
}
