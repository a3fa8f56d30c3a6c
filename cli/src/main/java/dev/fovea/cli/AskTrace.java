package dev.fovea.cli;

import dev.fovea.engine.image.Picture;
import dev.fovea.models.chat.AnswerStream;
import dev.fovea.models.chat.Conversation;
import dev.fovea.models.vlm.SeenPicture;
import dev.fovea.models.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/// The shapes of a question on its way from pictures and text to the logits of the next token.
final class AskTrace {
  private AskTrace() {}

  /// @param shape of all inputs of the picture tower together where there are several
  record Step(String what, int[] shape, String note) {}

  /// The steps of a question that was read.
  static List<Step> of(Conversation conversation, AnswerStream question, List<Picture> pictures) {
    var steps = new ArrayList<Step>();
    var chat = conversation.chat();
    for (int i = 0; i < pictures.size(); i++) {
      var seen = question.pictures().get(i);
      var size = chat.reader().preparation().size();
      steps.add(new Step("picture", shape(seen, 3, size.height(), size.width()),
          "prepared from " + pictures.get(i).width() + "x" + pictures.get(i).height() + " pixels" + tiles(seen)));
      if (chat.model().model() instanceof VisionLanguageModel model) {
        var patches = model.patches();
        steps.add(new Step("tokens", shape(seen, patches[1], patches[2]), "a patch each, from the picture tower"));
      }
      steps.add(new Step("adapter", shape(seen, seen.tokens(), seen.features().length / seen.placeholders()),
          "the same in the decoder's space"));
    }
    var language = chat.language();
    int of = question.pictures().stream().mapToInt(SeenPicture::placeholders).sum();
    steps.add(new Step("prompt", new int[] {question.promptTokens(), language.config().dim()},
        of == 0 ? "the text's tokens" : "the text's tokens, and " + of + " of the question's pictures in their places"));
    steps.add(new Step("logits", new int[] {language.config().vocabSize()}, "one for each token that may come next"));
    return steps;
  }

  private static String tiles(SeenPicture seen) {
    return seen.rows() == 0 ? "" : ", " + seen.rows() + "x" + seen.columns() + " tiles and the whole";
  }

  private static int[] shape(SeenPicture seen, int... of) {
    return seen.inputs() == 1 ? of : IntStream.concat(IntStream.of(seen.inputs()), Arrays.stream(of)).toArray();
  }

  static String text(List<Step> steps) {
    var text = new StringBuilder();
    for (var step : steps)
      text.append(String.format(Locale.ROOT, "%-8s %-18s %s%n", step.what, Arrays.toString(step.shape), step.note));
    return text.toString();
  }
}
