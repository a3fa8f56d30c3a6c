import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// An archive of WebP files with a list of what each is decoded to.
final class Archive implements AutoCloseable {
  private final ZipOutputStream zip;
  private final StringBuilder expected = new StringBuilder();

  Archive(Path file) throws IOException {
    zip = new ZipOutputStream(Files.newOutputStream(file));
    zip.setLevel(9);
  }

  /// @param decoded what the file is decoded to, in one word or more
  /// @param how it was made
  void add(String name, byte[] webp, String decoded, String how) throws IOException {
    entry(name + ".webp", webp);
    expected.append(name).append(".webp ").append(decoded).append(' ').append(how).append('\n');
  }

  private void entry(String name, byte[] bytes) throws IOException {
    var entry = new ZipEntry(name);
    entry.setTimeLocal(java.time.LocalDateTime.of(2024, 6, 14, 0, 0));
    zip.putNextEntry(entry);
    zip.write(bytes);
    zip.closeEntry();
  }

  /// Adds the list.
  @Override
  public void close() throws IOException {
    entry("expected.txt", expected.toString().getBytes(StandardCharsets.UTF_8));
    zip.close();
  }
}
