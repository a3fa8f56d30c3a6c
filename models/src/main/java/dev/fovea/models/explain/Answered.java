package dev.fovea.models.explain;

import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.image.PictureTiles;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.chat.ChatTurn;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import dev.fovea.models.vlm.PictureReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.stream.IntStream;

/// A question about a picture with a model's answer to it, as one text.
///
/// @param prompt number of tokens before the answer
/// @param ids all tokens
/// @param text the answer
/// @param placeholder the token in the places of the picture
record Answered(int prompt, int[] ids, List<String> words, String text, int placeholder) {
  /// The form of a question to a model that was published without one.
  private static final String PLAIN = "plain";

  /// The most probable token each time.
  static ShownInputs ask(OpenModel model, Subject subject, int answerTokens, Progress progress) {
    if (subject.picture() == null) throw new IllegalArgumentException("expected a picture, got none");
    if (subject.texts().size() != 1) throw new IllegalArgumentException("expected a question about the picture, got none");
    var header = model.header().preprocessing();
    var given = PicturePreparation.of(header);
    var preparation = given instanceof PictureTiles tiles ? tiles.unsplit() : given;
    var reader = PictureReader.of(model, preparation);
    var tokenizer = model.tokenizer();
    var jinja = ModelHeader.chatTemplate(model.checkpoint());
    var template = jinja == null ? ChatTemplate.named(PLAIN) : ChatTemplate.recognise(model.name(), jinja);
    var token = tokenizer.token(reader.placeholder());
    if (token != null && !token.isEmpty()) template = template.withPlaceholder(token);
    var seen = reader.see(subject.picture(), progress);
    var question = template.prompt(List.of(ChatTurn.user(subject.texts().getFirst(), 1)));
    int[] asked = template.encode(tokenizer, template.expand(question, List.of(seen.places()))).ids();
    var ends = template.endTokens(tokenizer);
    var answer = new ArrayList<Integer>();
    try (var session = LlamaSession.open(model, asked.length + answerTokens)) {
      reader.read(session, asked, List.of(seen));
      while (answer.size() < answerTokens) {
        int next = session.next(NextToken.GREEDY);
        answer.add(next);
        if (session.isEnd(next) || ends.contains(next)) break;
      }
    }
    var said = answer.stream().mapToInt(id -> id).toArray();
    int[] ids = IntStream.concat(IntStream.of(asked), IntStream.of(said)).toArray();
    var words = IntStream.of(ids).mapToObj(id -> ShownInputs.name(tokenizer, id)).toList();
    var answered = new Answered(asked.length, ids, words, tokenizer.decode(said, true), reader.placeholder());
    var pixels = preparation.apply(subject.picture()).pixels().getFirst();
    var inputs = new HashMap<String, OpenModel.Input>();
    var shape = model.model().inputs(1, 0).get(Model.PIXEL_VALUES).shape();
    inputs.put(Model.PIXEL_VALUES, shape.length == 5
        ? new OpenModel.Input(pixels.values(), 1, 1, 3, pixels.height(), pixels.width())
        : new OpenModel.Input(pixels.values(), 1, 3, pixels.height(), pixels.width()));
    var values = new float[ids.length];
    for (int i = 0; i < ids.length; i++) values[i] = ids[i];
    inputs.put(Model.INPUT_IDS, new OpenModel.Input(values, 1, ids.length));
    return new ShownInputs(inputs, ShownInputs.view(subject.picture().name(), pixels, header), List.of(words), answered);
  }

  /// The tokens, with the picture's in a grid if they are as many as one has.
  Tokens tokens() {
    Tokens all = Tokens.of(Tokens.Kind.TEXT, 0);
    for (int from = 0, to; from < ids.length; from = to) {
      boolean shows = ids[from] == placeholder;
      to = from;
      while (to < ids.length && (ids[to] == placeholder) == shows) to++;
      int count = to - from, side = (int) Math.round(Math.sqrt(count));
      all = all.and(shows && side * side == count ? Tokens.grid(side, side) : Tokens.of(Tokens.Kind.TEXT, count));
    }
    return all;
  }

  /// The words of [#tokens()] that are not in a grid.
  List<String> wordsOfTexts() {
    var kept = new ArrayList<String>();
    int at = 0;
    for (var run : tokens().runs()) {
      if (run.kind() == Tokens.Kind.TEXT) kept.addAll(words.subList(at, at + run.count()));
      at += run.count();
    }
    return kept;
  }

  /// The words of the answer.
  List<String> answer() {
    return words.subList(prompt, words.size());
  }

  /// The attention of the decoder: from the places where each word of the answer was chosen, which are one before it.
  Looks cut(Looks looks) {
    int count = ids.length - prompt;
    return new Looks(looks.weights(), Tokens.of(Tokens.Kind.TEXT, count), tokens(), null,
        IntStream.range(prompt - 1, prompt - 1 + count).toArray());
  }
}
