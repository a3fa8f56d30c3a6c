package example;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/// An application as a server holds it: its class loader, and a `Guest` that has opened a model.
record Application(URLClassLoader loader, Function<Path, List<String>> guest) {
  @SuppressWarnings("unchecked")
  static Application deploy(URL[] classPath, ClassLoader parent, Path model) throws Exception {
    var loader = new URLClassLoader(classPath, parent);
    try {
      var guest = loader.loadClass("example.Guest").getConstructor(Path.class).newInstance(model);
      return new Application(loader, (Function<Path, List<String>>) guest);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  List<String> classify(List<Path> pictures) {
    return pictures.stream().flatMap(picture -> guest.apply(picture).stream()).toList();
  }

  void copy(Path picture, Path to) throws ReflectiveOperationException {
    guest.getClass().getMethod("copy", Path.class, Path.class).invoke(null, picture, to);
  }

  void undeploy() throws Exception {
    ((AutoCloseable) guest).close();
    loader.close();
  }

  void closeLoader() throws IOException {
    loader.close();
  }
}
