package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.WholeFile;
import java.io.File;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// As in a server whose applications come and go: after the models are closed, nothing of Java's holds Fovea's classes.
class LeftBehindTest {
  @TempDir
  private Path folder;

  private static URLClassLoader child() throws IOException {
    var urls = new ArrayList<URL>();
    for (var type : List.of(OpenModel.class, WholeFile.class)) urls.add(type.getProtectionDomain().getCodeSource().getLocation());
    for (var property : new String[] {"java.class.path", "jdk.module.path"})
      for (var entry : System.getProperty(property, "").split(File.pathSeparator))
        if (!entry.isEmpty()) urls.add(Path.of(entry).toUri().toURL());
    return new URLClassLoader(urls.toArray(URL[]::new), null);
  }

  private WeakReference<ClassLoader> used() throws Exception {
    var file = SmallModel.VIT.write(folder.resolve("model.safetensors"));
    try (var child = child()) {
      var type = child.loadClass(ImageClassifier.class.getName());
      assertThat(type).isNotSameAs(ImageClassifier.class);
      try (var classifier = (AutoCloseable) type.getMethod("open", Path.class).invoke(null, file)) {
        var picture = Files.readAllBytes(Demo.SCENES.resolve("00.png"));
        assertThat((List<?>) type.getMethod("classify", byte[].class).invoke(classifier, (Object) picture)).hasSize(5);
      }
      child.loadClass(WholeFile.class.getName()).getMethod("write", Path.class, byte[].class)
          .invoke(null, folder.resolve("written"), new byte[3]);
      return new WeakReference<>(child);
    }
  }

  @Test
  void nothing() throws Exception {
    var loader = used();
    for (int i = 0; i < 300 && loader.get() != null; i++) {
      System.gc();
      Thread.sleep(50);
    }
    assertThat(loader.get()).isNull();
  }
}
