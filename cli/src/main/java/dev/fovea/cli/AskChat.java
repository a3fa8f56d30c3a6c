package dev.fovea.cli;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
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

/// A conversation whose questions are read line by line, on a terminal or from stdin.
final class AskChat {
  private final AskCommand command;
  private final Conversation conversation;
  /// Shown with the next question.
  private final List<Picture> pictures = new ArrayList<>();
  private boolean complained;

  /// Where lines come from.
  @FunctionalInterface
  interface Lines {
    /// The next one; null at the end.
    @Nullable String next() throws IOException;

    /// Runs what a line asks for.
    default void answer(Runnable work) {
      work.run();
    }
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
        try (var editor = LineEditor.open()) {
          chat.talk(editor);
        }
        return Fovea.GOOD;
      }
      var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      chat.talk(in::readLine);
    } catch (IOException e) {
      throw new Fovea.UsageException("stdin: cannot be read: " + e.getMessage());
    }
    return chat.complained ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  private void talk(Lines lines) throws IOException {
    for (String line; (line = lines.next()) != null && !line.strip().equals("/exit");) {
      var words = line.strip();
      if (!words.isEmpty()) lines.answer(() -> answer(words));
      if (Stdout.isLost()) return;
    }
  }

  private void answer(String line) {
    try {
      if (line.startsWith("/")) obey(line);
      else ask(line);
    } catch (InputException e) {
      complain(e.getMessage() + "; /reset begins anew");
    } catch (ImageException | CheckpointException | Fovea.UsageException | IllegalArgumentException e) {
      complain(e.getMessage());
    }
  }

  private void ask(String question) {
    var shown = List.copyOf(pictures);
    pictures.clear();
    try {
      command.ask(conversation, shown, question);
    } catch (CancelledException e) {
      pictures.addAll(shown);
      throw e;
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
