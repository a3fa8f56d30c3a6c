package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.InputException;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Messages are one line, whatever is put into them.
class OneLineTest {
  /// What begins a line somewhere, or moves a terminal's cursor.
  static final Pattern BREAK = Pattern.compile("[\\p{Cntrl}\\x80-\\x9f\\u2028\\u2029]");

  @ParameterizedTest
  @ValueSource(strings = {"a b|a b", "a\nb|a b", "a \r\n\t b|a b", "\n\na|a", "a\n\n|a", "a\u2028b\u2029c|a b c", "a\205b|a b",
      "\033[2Ja|[2Ja", " a  b | a  b ", "a\n  at b|a at b", "größe\n漢字|größe 漢字", "\n|"})
  void breaksBecomeSpaces(String given) {
    var messageAndLine = given.split("\\|", -1);
    assertThat(OneLine.of(messageAndLine[0])).isEqualTo(messageAndLine[1]);
    assertThat(messageAndLine[1]).doesNotContainPattern(BREAK);
  }

  @Test
  void nothing() {
    assertThat(OneLine.of(null)).isEqualTo("null");
    assertThat(OneLine.of("")).isEmpty();
  }

  @Test
  void everyExceptionOfOurs() {
    var cause = new IllegalStateException("cause");
    for (var e : List.of(new CheckpointException("a\nb"), new CheckpointException("a\nb", cause), new ImageException("a\nb"),
        new ImageException("a\nb", cause), new TokenizerException("a\nb"), new TokenizerException("a\nb", cause),
        new InputException("a\nb")))
      assertThat(e).hasMessage("a b");
  }
}
