package dev.fovea.cli;

import com.google.common.math.Quantiles;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.WarmUp;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import dev.fovea.models.ReadsPictures;
import dev.fovea.models.llama.DecoderState;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Measures a model that continues texts: a picture if it sees, the prompt, and the tokens that follow a short and a long text.
final class TextBench {
  /// Tokens of the prompt's text.
  static final int TEXT = 512, TEXT_BESIDE_PICTURE = 64;
  /// Tokens of the texts that are continued, and of the answers to them.
  private static final int SHORT = 10, LONG = 1000, ANSWER = 32, GROUPS = 8;

  private final LoadedModel model;
  private final ContinuesText continues;
  private final Kernels kernels;
  private final Workspace workspace;
  private final Arena arena;
  private final SplittableRandom random = new SplittableRandom(1);

  /// @param arena owns the inputs
  TextBench(LoadedModel model, ContinuesText continues, Kernels kernels, Workspace workspace, Arena arena) {
    this.model = model;
    this.continues = continues;
    this.kernels = kernels;
    this.workspace = workspace;
    this.arena = arena;
  }

  /// A token that continues a text.
  ///
  /// @param after tokens of the text
  /// @param bytes_read weights, keys and values that it reads
  record Token(int after, double median_ms, double tokens_per_s, long bytes_read, double share_of_read_bandwidth) {
    double gigabytes() {
      return bytes_read / median_ms / 1e6;
    }
  }

  /// Times without a prefix are those of the prompt, from embeddings to the logits of the next token.
  ///
  /// @param batch 1
  /// @param prompt_tokens text and picture
  /// @param picture_tokens 0 if the model sees none; the other numbers of the picture are then null
  /// @param first_token_ms picture, prompt and choice
  /// @param decode_tokens_per_s after the shortest text of `tokens`, as the share of the bandwidth
  record Report(String model, String kernels, int threads, int batch, int prompt_tokens, double median_ms, double min_ms,
      double gflops, double peak_gflops, double share_of_peak, int picture_tokens, @Nullable Double picture_ms,
      @Nullable Double picture_share_of_peak, double prefill_tokens_per_s, double first_token_ms, double decode_tokens_per_s,
      double share_of_read_bandwidth, double read_gb_per_s, List<Token> tokens, double peak_rss_mib) {
    Report {
      tokens = List.copyOf(tokens);
    }

    String text() {
      var text = new StringBuilder(String.format("%s, %s kernels, %d thread%s%n", model, kernels, threads,
          threads == 1 ? "" : "s"));
      if (picture_ms != null)
        text.append(String.format("  picture, %d tokens: %.0f ms, %.0f %% of the FMA peak%n", picture_tokens, picture_ms,
            100 * picture_share_of_peak));
      text.append(String.format("  prompt, %d tokens: median %.0f ms, minimum %.0f ms, %.0f tokens/s, %.0f GFLOP/s, %.0f %% of the "
          + "FMA peak%n", prompt_tokens, median_ms, min_ms, prefill_tokens_per_s, gflops, 100 * share_of_peak));
      text.append(String.format("  first token: %.0f ms%n", first_token_ms));
      for (var token : tokens)
        text.append(String.format("  a token after %d: %.2f ms, %.1f tokens/s, %.0f MB, %.1f GB/s, %.0f %% of the read bandwidth%n",
            token.after, token.median_ms, token.tokens_per_s, token.bytes_read / 1e6, token.gigabytes(),
            100 * token.share_of_read_bandwidth));
      text.append(String.format("  measured FMA peak %.0f GFLOP/s, read bandwidth %.1f GB/s%n", peak_gflops, read_gb_per_s));
      return text.append(String.format("  peak resident memory %.0f MiB%n", peak_rss_mib)).toString();
    }
  }

  /// @param text tokens of the prompt beside a picture's; null for the usual number
  /// @throws InputException if the prompt exceeds the model's context
  Report measure(@Nullable Integer text, int runs) {
    var sees = continues instanceof ReadsPictures reads ? reads : null;
    int context = continues.language().config().context(), ofPicture = sees == null ? 0 : sees.tokensPerPicture();
    int usual = Math.max(1, Math.min(sees == null ? TEXT : TEXT_BESIDE_PICTURE, context - ofPicture - ANSWER - 1));
    long wanted = (long) ofPicture + (text == null ? usual : text);
    if (wanted >= context)
      throw new InputException("expected a prompt of less than " + context + " tokens, the model's context, got " + wanted);
    int count = (int) wanted, capacity = (int) Math.min(context, Math.max(wanted, LONG) + ANSWER + 1);
    var pixels = sees == null ? null : pixels();
    var ids = ids(sees, ofPicture, count);
    WarmUp.await();
    try (var state = new DecoderState(continues.language(), capacity)) {
      warmUp(sees, pixels, ids, state);
      var peak = new SeenPeak(kernels.threads());
      PassTimes pictures = new PassTimes(), prompts = new PassTimes(), firsts = new PassTimes();
      for (int i = 0; i < runs; i++) {
        state.truncate(0);
        var features = new Tensor[1];
        double seeing = sees == null ? 0 : PassTimes.millis(() -> features[0] = features(sees, pixels));
        double reading = PassTimes.millis(() -> read(sees, ids, features[0], state));
        double choosing = PassTimes.millis(() -> state.next(workspace, NextToken.GREEDY));
        pictures.add(seeing);
        prompts.add(reading);
        firsts.add(seeing + reading + choosing);
        peak.glance();
      }
      peak.look();
      var decode = decode(state, capacity - ANSWER - 1);
      double gflops = 2e-6 * promptMacs(count) / prompts.median(), read = decode.read;
      return new Report(model.name(), kernels.name(), kernels.threads(), 1, count, prompts.median(), prompts.best(), gflops,
          peak.gflops(), gflops / peak.gflops(), ofPicture, sees == null ? null : pictures.median(),
          sees == null ? null : 2e-6 * pictureMacs(sees, pixels) / pictures.median() / peak.gflops(),
          1e3 * count / prompts.median(), firsts.median(), decode.tokens.getFirst().tokens_per_s,
          decode.tokens.getFirst().share_of_read_bandwidth, read, decode.tokens, PassTimes.peakRss());
    }
  }

  /// One picture or tile: `[1, 3, H, W]`.
  private Tensor pixels() {
    var input = model.randomInputs(1, 0, arena).get(Model.PIXEL_VALUES);
    int rank = input.rank();
    return input.reshape(1, input.dim(rank - 3), input.dim(rank - 2), input.dim(rank - 1));
  }

  /// Placeholders of a picture, then random tokens that are none.
  private int[] ids(@Nullable ReadsPictures sees, int ofPicture, int count) {
    var ids = new int[count];
    int placeholder = sees == null ? -1 : sees.imageTokenId();
    for (int i = 0; i < count; i++) ids[i] = i < ofPicture ? placeholder : randomToken(placeholder);
    return ids;
  }

  private int randomToken(int placeholder) {
    int size = continues.language().config().vocabSize(), token = random.nextInt(size);
    return token == placeholder ? (token + 1) % size : token;
  }

  private void warmUp(@Nullable ReadsPictures sees, @Nullable Tensor pixels, int[] ids, DecoderState state) {
    if (sees != null) PassTimes.warmUp(() -> features(sees, pixels));
    var block = new int[Math.min(DecoderState.BLOCK, state.capacity())];
    for (int i = 0; i < block.length; i++) block[i] = randomToken(-1);
    PassTimes.warmUp(() -> {
      state.truncate(0);
      state.read(workspace, block);
    });
    PassTimes.warmUp(() -> {
      state.truncate(1);
      state.read(workspace, ids[ids.length - 1]);
    });
  }

  private Tensor features(ReadsPictures sees, Tensor pixels) {
    return workspace.run("features", pixels, sees::features, List::of);
  }

  private void read(@Nullable ReadsPictures sees, int[] ids, @Nullable Tensor features, DecoderState state) {
    if (sees == null) {
      state.read(workspace, ids);
      return;
    }
    try (var own = Arena.ofShared()) {
      var tokens = new float[ids.length];
      for (int i = 0; i < ids.length; i++) tokens[i] = ids[i];
      // What a pass returns is overwritten by the next one.
      var kept = features.copy(own);
      var given = Map.of("ids", Tensor.of(own, tokens, 1, tokens.length),
          "features", kept.reshape(kept.dim(0) * kept.dim(1), kept.dim(2)));
      var prompt = workspace.run("prompt", given, in -> sees.prompt(in.get("ids"), in.get("features")), List::of);
      state.read(workspace, prompt.copy(own));
    }
  }

  /// @param read the median of the read bandwidths in GB/s
  private record Decode(List<Token> tokens, double read) {}

  /// Continues a short and a long text, at most `longest` tokens.
  private Decode decode(DecoderState state, int longest) {
    var c = continues.language().config();
    long weights = stepBytes(), cached = 2L * Float.BYTES * c.depth() * c.numKeyHeads() * c.headDim();
    var tokens = new ArrayList<Token>();
    var bandwidths = new ArrayList<Double>();
    for (int length : IntStream.of(SHORT, LONG).map(some -> Math.max(1, Math.min(some, longest))).distinct().toArray())
      tokens.add(decode(state, length, weights + cached * length, bandwidths));
    return new Decode(tokens, Quantiles.median().compute(bandwidths));
  }

  /// Tokens after a text of `length` tokens. Other users of the memory change its bandwidth from one moment to the next, so every
  /// few tokens are compared with what is measured right before and after them.
  ///
  /// @param bandwidths receives them
  private Token decode(DecoderState state, int length, long bytes, List<Double> bandwidths) {
    if (state.length() >= length) state.truncate(length - 1);
    var more = new int[length - state.length()];
    for (int i = 0; i < more.length; i++) more[i] = randomToken(-1);
    state.read(workspace, more);
    var all = new PassTimes();
    var shares = new ArrayList<Double>();
    double before = bandwidth();
    bandwidths.add(before);
    for (int group = 0; group < GROUPS; group++) {
      var few = new PassTimes();
      for (int i = 0; i < ANSWER / GROUPS; i++) {
        int token = randomToken(-1);
        few.add(() -> state.read(workspace, token));
      }
      double after = bandwidth();
      shares.add(bytes / few.median() / 1e6 / Math.max(before, after));
      all.addAll(few);
      bandwidths.add(before = after);
    }
    double millis = all.median();
    return new Token(length, millis, 1e3 / millis, bytes, Quantiles.median().compute(shares));
  }

  private double bandwidth() {
    return MachineProbe.readBandwidth(kernels.threads());
  }

  private static long pictureMacs(ReadsPictures sees, Tensor pixels) {
    return Workspace.dryRun(sees::features, List::of, pixels.shape()).macs();
  }

  /// Bytes of weights that a token reads.
  private long stepBytes() {
    var llama = continues.language();
    return Workspace.dryRun(ids -> llama.logits(llama.forward(llama.embed(ids), Probe.NONE)), List::of, 1, 1).weightBytes();
  }

  /// Multiply-accumulates of a prompt: a token attends to those before it and itself, and the head reads only the last one.
  private long promptMacs(int count) {
    var llama = continues.language();
    var pass = Workspace.dryRun(x -> llama.logits(llama.forward(x, Probe.NONE).slice(1, count - 1, count)), List::of, 1,
        count, llama.config().dim());
    long all = pass.macs();
    long attention = pass.operations().stream().filter(Operation.Attention.class::isInstance).mapToLong(Operation::macs).sum();
    return all - attention + attention / count * (count + 1) / 2;
  }
}
