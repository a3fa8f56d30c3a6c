package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.ImageInputStream;
import org.junit.jupiter.api.Test;

/// A decoder gives the same numbers whatever the context class loader is, because it asks its own readers.
class ReadersTest {
  private static Map<String, byte[]> files() {
    var files = new TreeMap<String, byte[]>();
    files.put("jpeg", Samples.jpeg());
    files.put("turned", Samples.exif(Samples.jpeg(), 6, ByteOrder.BIG_ENDIAN, 0));
    files.put("cmyk", Samples.CMYK);
    files.put("ycck", Samples.YCCK);
    for (var format : new String[] {"png", "bmp", "gif"})
      files.put(format, Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), format));
    return files;
  }

  private static Map<String, Picture> decoded(Map<String, byte[]> files) {
    var decoded = new LinkedHashMap<String, Picture>();
    files.forEach((name, bytes) -> decoded.put(name, Picture.decode(name, bytes)));
    return decoded;
  }

  /// This module and what it needs, from class loaders of their own: not even the platform's, which knows the modules of the tests.
  private static URLClassLoader child() throws IOException {
    var urls = new ArrayList<URL>();
    urls.add(Picture.class.getProtectionDomain().getCodeSource().getLocation());
    for (var property : new String[] {"java.class.path", "jdk.module.path"})
      for (var entry : System.getProperty(property, "").split(File.pathSeparator))
        if (!entry.isEmpty()) urls.add(Path.of(entry).toUri().toURL());
    return new URLClassLoader(urls.toArray(URL[]::new), null);
  }

  @Test
  void theContextClassLoaderDoesNotMatter() throws IOException {
    var files = files();
    var expected = decoded(files);
    var thread = Thread.currentThread();
    var context = thread.getContextClassLoader();
    try (var empty = new URLClassLoader(new URL[0], null); var child = child()) {
      for (var loader : new ClassLoader[] {null, empty, ClassLoader.getPlatformClassLoader(), child}) {
        thread.setContextClassLoader(loader);
        assertThat(decoded(files)).as(String.valueOf(loader)).isEqualTo(expected);
      }
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  /// As in a server, where the first call may come from any thread: the decoder's classes are new, and so are their readers.
  @Test
  void theFirstUseDoesNotMatter() throws Exception {
    var files = files();
    var expected = decoded(files);
    var thread = Thread.currentThread();
    var context = thread.getContextClassLoader();
    try (var empty = new URLClassLoader(new URL[0], null)) {
      for (var loader : new ClassLoader[] {null, empty, context})
        try (var child = child()) {
          thread.setContextClassLoader(loader);
          var picture = child.loadClass(Picture.class.getName());
          assertThat(picture).isNotSameAs(Picture.class);
          for (var file : files.entrySet()) {
            var found = picture.getMethod("decode", String.class, byte[].class).invoke(null, file.getKey(), file.getValue());
            assertThat(picture.getMethod("rgb").invoke(found)).as(file.getKey()).isEqualTo(expected.get(file.getKey()).rgb());
          }
        }
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  /// A reader of every file that somebody else in the process has given to `ImageIO`, before all others.
  @Test
  void readersOfOthersDoNotMatter() {
    var files = files();
    var expected = decoded(files);
    var stranger = new ImageReaderSpi("somebody", "1", new String[] {"jpeg", "png", "bmp"}, new String[0], new String[0], "none",
        new Class<?>[] {ImageInputStream.class}, new String[0], false, null, null, new String[0], new String[0], false, null, null,
        new String[0], new String[0]) {
      @Override
      public boolean canDecodeInput(Object source) {
        return true;
      }

      @Override
      public ImageReader createReaderInstance(Object extension) {
        throw new IllegalStateException("the reader of somebody else");
      }

      @Override
      public String getDescription(Locale locale) {
        return "everything";
      }
    };
    var registry = IIORegistry.getDefaultInstance();
    registry.registerServiceProvider(stranger, ImageReaderSpi.class);
    try {
      registry.getServiceProviders(ImageReaderSpi.class, false).forEachRemaining(other -> {
        if (other != stranger) registry.setOrdering(ImageReaderSpi.class, stranger, other);
      });
      assertThat(decoded(files)).isEqualTo(expected);
    } finally {
      registry.deregisterServiceProvider(stranger);
    }
  }

  @Test
  void jpegAndBmpAreTwelveMonkeys() throws IOException {
    var readers = Readers.get();
    assertThat(readers.jpeg().getClass().getName()).startsWith("com.twelvemonkeys.");
    assertThat(readers.png().getClass().getName()).startsWith("com.sun.");
    var bmp = readers.bmp(Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "bmp"));
    assertThat(bmp).isNotNull();
    assertThat(bmp.getClass().getName()).startsWith("com.twelvemonkeys.");
    assertThat(readers.bmp(new byte[] {1, 2, 3})).isNull();
    assertThat(readers.bmp(new byte[0])).isNull();
  }
}
