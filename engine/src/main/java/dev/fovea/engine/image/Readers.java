package dev.fovea.engine.image;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceLoader;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.spi.ServiceRegistry;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jetbrains.annotations.Nullable;

/// The readers of picture files, the same ones for every caller.
///
/// `ImageIO` knows the readers that the context class loader of its first user saw, and prefers any of them. These here are the
/// JDK's, and TwelveMonkeys' beside this module, in a registry of their own. They belong to the class loaders of this module and of
/// the JDK, so nothing here outlives this module.
final class Readers {
  /// Found on first use; not in a static initialiser, which could not say what is missing.
  private static volatile Readers found;

  private final ImageReaderSpi png, jpeg, bmp;

  private Readers() {
    png = ofJdk("com.sun.imageio.plugins.png.PNGImageReaderSpi");
    jpeg = ofTwelveMonkeys("com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi");
    bmp = ofTwelveMonkeys("com.twelvemonkeys.imageio.plugins.bmp.BMPImageReaderSpi");
    // TwelveMonkeys' reader takes the JDK's JPEG reader, which it extends, from the registry to which it is added.
    var registry = new ServiceRegistry(List.<Class<?>>of(ImageReaderSpi.class).iterator());
    registry.registerServiceProvider(ofJdk("com.sun.imageio.plugins.jpeg.JPEGImageReaderSpi"), ImageReaderSpi.class);
    registry.registerServiceProvider(jpeg, ImageReaderSpi.class);
  }

  /// @throws IllegalStateException if a reader is missing
  static Readers get() {
    var known = found;
    if (known == null) found = known = new Readers();
    return known;
  }

  /// The registry of `ImageIO`, which its first user creates: to be asked for before anything else of `ImageIO`.
  ///
  /// The registry keeps the readers that the context class loader knows at that moment, and AWT keeps the loader itself, until the
  /// process ends. The loader of a server's application could not be unloaded any more, and closed it would leave the whole process
  /// with readers that lack classes. So the context is then the system class loader, which stays anyway.
  static IIORegistry registry() {
    var thread = Thread.currentThread();
    var context = thread.getContextClassLoader();
    thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
    try {
      return IIORegistry.getDefaultInstance();
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  private static ImageReaderSpi ofJdk(String type) {
    Iterator<ImageReaderSpi> all = registry().getServiceProviders(ImageReaderSpi.class, false);
    while (all.hasNext()) {
      var reader = all.next();
      if (reader.getClass().getName().equals(type)) return reader;
    }
    throw new IllegalStateException("this Java has no reader " + type);
  }

  private static ImageReaderSpi ofTwelveMonkeys(String type) {
    return ServiceLoader.load(ImageReaderSpi.class, Readers.class.getClassLoader()).stream()
        .filter(reader -> reader.type().getName().equals(type)).findFirst().map(ServiceLoader.Provider::get)
        .orElseThrow(() -> new IllegalStateException("expected TwelveMonkeys' readers beside Fovea, found no " + type));
  }

  ImageReader png() throws IOException {
    return png.createReaderInstance();
  }

  ImageReader jpeg() throws IOException {
    return jpeg.createReaderInstance();
  }

  /// A reader of BMP; null if the file is no BMP.
  @Nullable ImageReader bmp(byte[] bytes) throws IOException {
    try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
      return bmp.canDecodeInput(in) ? bmp.createReaderInstance() : null;
    } catch (EOFException _) {
      return null;   // Shorter than the header of any BMP.
    }
  }
}
