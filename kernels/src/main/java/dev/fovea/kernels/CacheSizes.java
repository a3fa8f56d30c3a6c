package dev.fovea.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Sizes of the first processor's data caches, as reported by Linux.
public final class CacheSizes {
  private static final Path FOLDER = Path.of("/sys/devices/system/cpu/cpu0/cache");
  /// Sizes of the first, second and third level that most recent processors reach or exceed.
  private static final long[] USUAL = {32 << 10, 1 << 20, 8 << 20};
  private static final long[] KNOWN = {read(1), read(2), read(3)};

  private CacheSizes() {}

  /// Bytes of the cache at `level`, from 1 to 3; a typical size if the system does not report it.
  public static long bytes(int level) {
    return isKnown(level) ? KNOWN[level - 1] : USUAL[level - 1];
  }

  /// Whether the system reports the size of the cache at `level`, from 1 to 3.
  public static boolean isKnown(int level) {
    return KNOWN[level - 1] > 0;
  }

  private static long read(int level) {
    for (int index = 0; index < 8; index++) {
      var cache = FOLDER.resolve("index" + index);
      try {
        if (line(cache, "level").equals(Integer.toString(level)) && !line(cache, "type").equals("Instruction"))
          return 1024 * Long.parseLong(line(cache, "size").replace("K", ""));
      } catch (IOException | NumberFormatException e) {
        // Not Linux, or a machine that hides its caches.
      }
    }
    return 0;
  }

  private static String line(Path cache, String file) throws IOException {
    return Files.readString(cache.resolve(file)).strip();
  }
}
