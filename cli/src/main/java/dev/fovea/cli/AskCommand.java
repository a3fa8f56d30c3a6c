package dev.fovea.cli;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.BoxPainter;
import dev.fovea.engine.image.mask.LabelledBox;
import dev.fovea.models.chat.Answer;
import dev.fovea.models.chat.AnswerStream;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.chat.Conversation;
import dev.fovea.models.chat.EndReason;
import dev.fovea.models.chat.Sampling;
import dev.fovea.models.chat.VisionChat;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "ask", description = "Ask a language model a question, about pictures if it sees.",
    footer = {"",
        "The last argument is the question, unless it names a file. Without a question, questions are read line by line: on a "
            + "terminal, or from stdin. /picture FILE shows a picture with the next question, /reset begins anew, /exit ends. "
            + "On a terminal, Ctrl-C cancels an answer, and Ctrl-D ends."})
final class AskCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "0..*", paramLabel = "IMAGE|QUESTION",
      description = "Pictures, folders of pictures, or - for stdin; then the question.")
  private List<String> arguments = List.of();

  @Option(names = "--max-tokens", paramLabel = "N", description = "Most tokens of an answer (default: 512).")
  private @Nullable Integer maxTokens;

  @Option(names = "--context", paramLabel = "N",
      description = "Most tokens of a conversation without a question (default: 2048, or the model's context if that is shorter).")
  private @Nullable Integer context;

  @Option(names = "--temperature", paramLabel = "T", defaultValue = "0",
      description = "0: the most probable token each time; 1: tokens are drawn by the model's probabilities (default: 0).")
  private float temperature;

  @Option(names = "--top-k", paramLabel = "N", defaultValue = "0", description = "Draw among the N most probable tokens.")
  private int topK;

  @Option(names = "--top-p", paramLabel = "P", defaultValue = "1",
      description = "Draw among the most probable tokens that have the probability P together.")
  private float topP;

  @Option(names = "--min-p", paramLabel = "P", defaultValue = "0",
      description = "Draw among tokens with at least this part of the most probable one's probability.")
  private float minP;

  @Option(names = "--repetition-penalty", paramLabel = "X", defaultValue = "1",
      description = "More than 1 to discourage what was said already (default: 1).")
  private float repetitionPenalty;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Decides what is drawn (default: 0).")
  private long seed;

  @Option(names = "--system", paramLabel = "TEXT", description = "Rules of the conversation, in place of the model's usual ones.")
  private @Nullable String system;

  @Option(names = "--stop", paramLabel = "TEXT", description = "A text that ends an answer; may be given again.")
  private List<String> stop = List.of();

  @Option(names = "--template", paramLabel = "NAME",
      description = "The form of the conversation, where the model's file has none or an unknown one.")
  private @Nullable String template;

  @Option(names = "--boxes", paramLabel = "OUT.png", description = "Draw the boxes that the answer names on the last picture.")
  private @Nullable Path boxes;

  @Option(names = "--trace", description = "Show the shapes of the question on its way through the model.")
  private boolean trace;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON; without a question, a line for each answer.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE", description = "Write to a file instead of stdout.")
  private @Nullable Path output;

  private record Place(String label, float[] box) {
    static Place of(LabelledBox labelled) {
      var box = labelled.box();
      return new Place(labelled.label(), new float[] {box.x0(), box.y0(), box.x1(), box.y1()});
    }
  }

  private record Result(String answer, List<Integer> ids, List<Place> boxes, int prompt_tokens, double tokens_per_second,
      @Nullable List<AskTrace.Step> trace) {}

  @Override
  public Integer call() {
    var question = question();
    var names = question == null ? arguments : arguments.subList(0, arguments.size() - 1);
    var options = options(question != null);
    Outputs.requirePng("--boxes", boxes);
    if (question == null && (boxes != null || output != null))
      throw new Fovea.UsageException((boxes != null ? "--boxes" : "-o") + ": expected a question beside it");
    if (question == null && names.contains(PictureInputs.STDIN))
      throw new Fovea.UsageException("-: expected a question beside a picture on stdin");
    if (boxes != null && names.isEmpty()) throw new Fovea.UsageException("--boxes: expected a picture to draw on");
    var inputs = PictureInputs.of(names);
    var outputs = Outputs.of(output, boxes).readingModel(model).reading(inputs);
    outputs.require();
    var pictures = inputs.names().stream().map(inputs::read).toList();
    try (var kernels = kernelOptions.open(); var chat = VisionChat.of(modelOptions.open(model), kernels);
        var conversation = begin(chat, options)) {
      if (question == null) return AskChat.run(this, conversation, pictures);
      ask(conversation, pictures, question, outputs);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new Fovea.UsageException(model + ": " + e.getMessage());
    }
    return inputs.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  private static Conversation begin(VisionChat chat, ChatOptions options) {
    try {
      return chat.conversation(options);
    } catch (CheckpointException e) {
      throw new Fovea.UsageException(e.getMessage() + ", with --template");
    }
  }

  /// The last argument, unless it is a picture.
  private @Nullable String question() {
    if (arguments.isEmpty()) return null;
    var last = arguments.getLast();
    return last.equals(PictureInputs.STDIN) || PictureInputs.isFile(last) ? null : last;
  }

  private ChatOptions options(boolean once) {
    if (maxTokens != null && maxTokens < 1) throw new Fovea.UsageException("--max-tokens: expected at least 1, got " + maxTokens);
    if (context != null && context < 1) throw new Fovea.UsageException("--context: expected at least 1, got " + context);
    if (once && context != null) throw new Fovea.UsageException("--context: expected no question beside it, whose length decides");
    if (stop.contains("")) throw new Fovea.UsageException("--stop: expected at least one character, got none");
    var usual = ChatOptions.DEFAULT;
    return new ChatOptions(once ? 0 : context != null ? context : usual.capacity(),
        maxTokens != null ? maxTokens : usual.maxTokens(), system, sampling(), stop, false, template());
  }

  private Sampling sampling() {
    Sampling sampling;
    try {
      sampling = new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--" + e.getMessage().replace("repetition penalty", "repetition-penalty"));
    }
    var without = topK > 0 ? "--top-k" : topP < 1 ? "--top-p" : minP > 0 ? "--min-p" : null;
    if (sampling.isGreedy() && without != null)
      throw new Fovea.UsageException(without + ": expected --temperature beside it, without which nothing is drawn");
    return sampling;
  }

  private @Nullable ChatTemplate template() {
    try {
      return template == null ? null : ChatTemplate.named(template);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--template: " + e.getMessage());
    }
  }

  private void ask(Conversation conversation, List<Picture> pictures, String question, Outputs outputs) {
    boolean streams = !json && output == null;
    var out = outputs.areStdout() ? System.err : System.out;
    var text = new StringBuilder();
    var answer = answer(conversation, pictures, question, streams ? out : null, text);
    if (answer == null) return;
    if (boxes != null) Output.write(BoxPainter.overlay(pictures.getLast(), answer.boxes()), boxes);
    if (output != null) Output.write(text.toString(), output);
    else if (json) Output.report(text.toString(), outputs);
  }

  /// Asks in a conversation without a given question, on stdout.
  void ask(Conversation conversation, List<Picture> pictures, String question) {
    var text = new StringBuilder();
    answer(conversation, pictures, question, json ? null : System.out, text);
    if (json) Output.write(text.toString(), null);
  }

  /// @param out where the answer appears as it arrives; null if nowhere
  /// @param text gets what the command says
  /// @return null if nobody reads it any more
  private @Nullable Answer answer(Conversation conversation, List<Picture> pictures, String question, @Nullable PrintStream out,
      StringBuilder text) {
    try (var pieces = read(conversation, pictures, question)) {
      var steps = trace ? AskTrace.of(conversation, pieces, pictures) : null;
      if (steps != null && !json) say(AskTrace.text(steps), out, text);
      while (pieces.hasNext()) {
        var piece = pieces.next();
        if (!json) say(piece, out, text);
        if (out != null && out.checkError()) return null;
      }
      var answer = pieces.answer();
      if (json) text.append(json(answer, steps));
      else say(System.lineSeparator() + places(answer), out, text);
      warn(answer);
      return answer;
    }
  }

  private static AnswerStream read(Conversation conversation, List<Picture> pictures, String question) {
    try (var bar = new Terminal.ProgressBar()) {
      return conversation.stream(pictures, question,
          (done, total) -> bar.update((double) done / Math.max(1, total), "looking"));
    }
  }

  private static void say(String words, @Nullable PrintStream out, StringBuilder text) {
    text.append(words);
    if (out == null) return;
    out.print(words);
    out.flush();
  }

  private String json(Answer answer, @Nullable List<AskTrace.Step> steps) {
    var result = new Result(answer.text(), answer.ids(), answer.boxes().stream().map(Place::of).toList(), answer.promptTokens(),
        answer.tokensPerSecond(), steps);
    return question() == null ? Json.LINE.toJson(result) + System.lineSeparator() : Output.json(result);
  }

  private static String places(Answer answer) {
    var lines = new StringBuilder();
    for (var box : answer.boxes()) lines.append("  ").append(box).append(System.lineSeparator());
    return lines.toString();
  }

  /// Tells of an answer that was cut where nobody asked for it.
  private void warn(Answer answer) {
    if (answer.end() == EndReason.CONTEXT_FULL) Fovea.complain("the answer is cut: there is no room for more tokens");
    else if (answer.end() == EndReason.TOKEN_LIMIT && maxTokens == null)
      Fovea.complain("the answer is cut after " + answer.ids().size() + " tokens: --max-tokens allows more");
  }
}
