package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/// Arguments whose bytes have no meaning in the charset; what the launcher makes of locales is in `.ci/environment`.
class ArgumentCheckTest {
  private static final byte[] BROKEN = {'a', (byte) 0xFF};

  /// As Linux shows a command line: a zero after each argument.
  private static byte[] commandLine(byte[]... arguments) {
    var all = new ByteArrayOutputStream();
    all.writeBytes("java\0-cp\0fovea.jar\0Fovea\0".getBytes(StandardCharsets.UTF_8));
    for (var argument : arguments) {
      all.writeBytes(argument);
      all.write(0);
    }
    return all.toByteArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /// U+FFFD is a character like any other where it was given.
  @Test
  void aReplacementCharacterOfTheUsers() {
    String[] arguments = {"tokenize", "a\uFFFD", "größe"};
    assertThatCode(() -> ArgumentCheck.requireReadable(arguments, 1, "UTF-8", commandLine(utf8("tokenize"), utf8("a\uFFFD"), utf8("größe"))))
        .doesNotThrowAnyException();
    assertThatCode(() -> ArgumentCheck.requireReadable(arguments, 1, "UTF-8", null)).doesNotThrowAnyException();
    assertThatCode(() -> ArgumentCheck.requireReadable("classify", "größe", "模型")).doesNotThrowAnyException();
  }

  @Test
  void bytesThatAreNoText() {
    String[] arguments = {"tokenize", "\uFFFD", "a\uFFFD"};
    assertThatThrownBy(() -> ArgumentCheck.requireReadable(arguments, 1, "UTF-8", commandLine(utf8("tokenize"), utf8("\uFFFD"), BROKEN)))
        .isInstanceOf(Fovea.UsageException.class).hasMessage("argument 3, 'a\uFFFD': expected UTF-8, got other bytes");
  }

  @Test
  void aCharsetThatCannotSayIt() {
    String[] arguments = {"classify", "gr\uFFFD\uFFFDe"};
    assertThatThrownBy(() -> ArgumentCheck.requireReadable(arguments, 1, "ANSI_X3.4-1968", null)).isInstanceOf(Fovea.UsageException.class)
        .hasMessage("argument 2, 'gr\uFFFD\uFFFDe': cannot be read in this locale's charset ANSI_X3.4-1968: set LC_ALL=C.UTF-8");
  }
}
