package dev.fovea.cli;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.models.chat.Conversation;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jetbrains.annotations.Nullable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.TerminalBuilder;

/// A conversation whose questions are read line by line, on a terminal or from stdin.
final class AskChat {
  private final AskCommand command;
  private final Conversation conversation;
  /// Shown with the next question.
  private final List<Picture> pictures = new ArrayList<>();
  private boolean complained;

  /// Where lines come from.
  @FunctionalInterface
  private interface Lines {
    /// The next one; null at the end.
    @Nullable String next() throws IOException;
  }

  private AskChat(AskCommand command, Conversation conversation, List<Picture> pictures) {
    this.command = command;
    this.conversation = conversation;
    this.pictures.addAll(pictures);
  }

  /// Talks until the end of the lines, or `/exit`.
  ///
  /// @return the exit code: from stdin, whether every line was good
  static int run(AskCommand command, Conversation conversation, List<Picture> pictures) {
    var chat = new AskChat(command, conversation, pictures);
    try {
      if (Terminal.isStdout()) {
        chat.onTerminal();
        return Fovea.GOOD;
      }
      var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      chat.talk(in::readLine);
    } catch (IOException e) {
      throw new Fovea.UsageException("stdin: cannot be read: " + e.getMessage());
    }
    return chat.complained ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  /// Without any of JLine's providers that need native code or other programs: the system edits the line.
  private void onTerminal() throws IOException {
    try (var terminal = TerminalBuilder.builder().system(true).encoding(StandardCharsets.UTF_8).dumb(true).exec(false).jni(false)
        .ffm(false).build()) {
      var reader = LineReaderBuilder.builder().terminal(terminal).build();
      talk(() -> {
        try {
          return reader.readLine("> ");
        } catch (EndOfFileException | UserInterruptException _) {
          return null;
        }
      });
    }
  }

  private void talk(Lines lines) throws IOException {
    for (String line; (line = lines.next()) != null && !line.strip().equals("/exit");) {
      if (!line.isBlank()) answer(line.strip());
      if (Stdout.isLost()) return;
    }
  }

  private void answer(String line) {
    try {
      if (line.startsWith("/")) {
        obey(line);
        return;
      }
      var shown = List.copyOf(pictures);
      pictures.clear();
      command.ask(conversation, shown, line);
    } catch (InputException e) {
      complain(e.getMessage() + "; /reset begins anew");
    } catch (ImageException | CheckpointException | Fovea.UsageException | IllegalArgumentException e) {
      complain(e.getMessage());
    }
  }

  private void obey(String line) {
    var words = line.split("\\s+", 2);
    switch (words[0].toLowerCase(Locale.ROOT)) {
      case "/picture" -> {
        if (words.length < 2) throw new Fovea.UsageException("/picture: expected the name of a file after it");
        pictures.add(PictureInputs.one(words[1]));
      }
      case "/reset" -> {
        conversation.clear();
        pictures.clear();
      }
      default -> throw new Fovea.UsageException(words[0] + ": expected a question, /picture FILE, /reset or /exit");
    }
  }

  private void complain(String message) {
    complained = true;
    Fovea.complain(message);
  }
}
