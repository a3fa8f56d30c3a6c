package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The launcher's file for the compiler names methods that there are: the virtual machine says nothing where it finds none.
class CompilerDirectivesTest {
  private static Stream<String> patterns() throws IOException {
    var directives = JsonParser.parseString(Files.readString(Path.of("src/main/launcher/compiler.json"))).getAsJsonArray();
    return directives.asList().stream().flatMap(d -> d.getAsJsonObject().getAsJsonArray("match").asList().stream()).map(m -> m.getAsString());
  }

  @ParameterizedTest
  @MethodSource("patterns")
  void namesWhatThereIs(String pattern) throws ClassNotFoundException {
    int dot = pattern.lastIndexOf('.');
    var method = pattern.substring(dot + 1);
    // A star after a class stands for the classes of an enum's constants, of which the first is there if any is.
    var type = pattern.substring(0, dot).replace('/', '.').replace("*", "$1");
    var methods = Class.forName(type).getDeclaredMethods();
    assertThat(methods).extracting(Method::getName).anyMatch(name -> method.equals("*") || method.equals(name));
  }
}
