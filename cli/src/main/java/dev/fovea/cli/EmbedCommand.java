package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import dev.fovea.models.TextEmbedder;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "embed", description = "Turn pictures or texts into vectors.",
    footer = {"", "The most similar of many lines: embed MODEL --texts FILE --similar-text QUERY", "",
        "A picture that cannot be read is told on stderr; the others go on, and the exit code is 2.",
        "With -o, vectors are kept in FILE.partial until all are done, and --resume goes on from there."})
final class EmbedCommand implements Callable<Integer> {
  private static final int MAX_BATCH = 1024, SHOWN = 4;

  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "0..*", paramLabel = "IMAGE",
      description = "Pictures, folders of pictures, or - for stdin.")
  private List<String> images = List.of();

  @Option(names = "--text", paramLabel = "TEXT",
      description = "A text to embed instead, with a text encoder or a model of pictures and words; may be given again.")
  private List<String> texts = List.of();

  @Option(names = "--texts", paramLabel = "FILE", description = "Embed each line of a text file, or of stdin if it is -.")
  private Path textFile;

  @Option(names = "--prompt", paramLabel = "NAME",
      description = "Put the model's prompt of this name before each text, such as passage, or this text itself if it ends with a "
          + "space or a colon.")
  private String prompt;

  @Option(names = "--pool", paramLabel = "HOW",
      description = "class: the class token; mean: of the patches; both: one after the other; joint: in the space shared "
          + "with words (default: joint where there is such a space, else class). Of texts: mean, class, max or "
          + "mean-sqrt-length (default: as the model was published, else mean).")
  private String pool;

  @Option(names = "--no-normalize", description = "Leave the vectors' lengths as they are; without it, they are 1.")
  private boolean asTheyAre;

  @Option(names = "--size", paramLabel = "N",
      description = "Scale the shorter side to N pixels, a multiple of the patch size, and keep the aspect (default: the "
          + "model's preprocessing).")
  private Integer size;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "1",
      description = "Pictures of one size in a pass (default: 1, several passes at once).")
  private int batch;

  @Option(names = "--pca", paramLabel = "FILE.png",
      description = "Draw the patches' first three principal components as colours, all pictures side by side.")
  private Path pca;

  @Option(names = "--background", description = "With --pca: colour what is taken for the background instead.")
  private boolean background;

  @Option(names = "--similar", paramLabel = "QUERY", arity = "1..*",
      description = "Rank the pictures by cosine with each of these.")
  private List<String> similar = List.of();

  @Option(names = "--similar-text", paramLabel = "TEXT",
      description = "Rank the pictures, or the texts, by cosine with this text; may be given again. The model's prompt named "
          + "query precedes it.")
  private List<String> similarTexts = List.of();

  @Option(names = "--top", paramLabel = "N", description = "Texts to show of a ranking (default: 10).", defaultValue = "10")
  private int top;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE",
      description = "Write the vectors to a .json, .npy or .safetensors file.")
  private Path output;

  @Option(names = "--resume", description = "With -o: take over what an interrupted run has computed.")
  private boolean resume;

  @Override
  public Integer call() {
    var form = checkedOutput();
    boolean ofTexts = textFile != null || !texts.isEmpty();
    if (images.isEmpty() != ofTexts)
      throw new Fovea.UsageException("expected pictures, --text or --texts, got " + (ofTexts ? "pictures and texts" : "none"));
    if (textFile != null && !texts.isEmpty())
      throw new Fovea.UsageException("--text and --texts: expected one of them, got both");
    if (top < 1) throw new Fovea.UsageException("--top: expected at least 1, got " + top);
    if (ofTexts) return embedTexts(form);
    if (prompt != null) throw new Fovea.UsageException("--prompt: expected texts, got pictures");
    if (asTheyAre && !similarTexts.isEmpty())
      throw new Fovea.UsageException("--no-normalize: expected no texts beside it, whose vectors have length 1");
    return embedPictures(form);
  }

  private int embedTexts(@Nullable EmbeddingFile form) {
    if (pca != null || !similar.isEmpty() || size != null)
      throw new Fovea.UsageException((textFile == null ? "--text" : "--texts")
          + ": expected none of the options for pictures beside it");
    outputs(form).reading(textFile == null || textFile.toString().equals("-") ? null : textFile).require();
    var lines = textFile == null ? texts.stream().distinct().toList() : TextEmbedRun.lines(textFile);
    try (var kernels = kernelOptions.open(); var checkpoint = modelOptions.open(model);
        var embedder = TextEmbedder.of(checkpoint, kernels); var bar = new Terminal.ProgressBar()) {
      var run = TextEmbedRun.of(embedder, pool, !asTheyAre, prompt, bar);
      if (pool == null && !embedder.hasPublishedSettings())
        Fovea.complain(model + ": published without a pooling; takes the mean of the tokens, as --pool mean does");
      var settings = settings(checkpoint, run.about(), kernels);
      try (var journal = form == null || isStream() ? null : EmbedJournal.ofTexts(output, settings.toString(), resume)) {
        var embeddings = run.embed(lines, journal);
        if (form != null) form.write(output, embeddings, "text", settings);
        var rankings = run.queries(similarTexts).stream().map(query -> TextRanking.of(query, embeddings, top)).toList();
        if (!rankings.isEmpty()) Output.report(json ? Output.json(rankings) : TextRanking.text(rankings), Outputs.of(output));
        else if (form == null) Output.write(json ? EmbeddingFile.json(embeddings, "text") : text(embeddings), null);
        if (journal != null) journal.finished();
      }
    }
    return Fovea.GOOD;
  }

  private static List<Embedding> embed(List<String> texts, TextEmbedder embedder) {
    return texts.stream().distinct().map(text -> new Embedding(text, embedder.embed(text))).toList();
  }

  private int embedPictures(@Nullable EmbeddingFile form) {
    var pictures = PictureInputs.of(images);
    var similarPictures = PictureInputs.of(similar);
    var names = pictures.names().stream().distinct().toList();
    var queries = similarPictures.names().stream().distinct().toList();
    outputs(form).reading(pictures).reading(similarPictures).require();
    try (var kernels = kernelOptions.open(); var checkpoint = modelOptions.open(model);
        var embedder = PictureEmbedder.of(checkpoint, kernels); var bar = new Terminal.ProgressBar()) {
      var pooling = checkedPooling(embedder.poolings());
      int side = checkedSize(embedder.patchSize());
      var run = new EmbedRun(pictures, embedder, pooling, !asTheyAre, side, batch, bar);
      if (!similarTexts.isEmpty() && pooling != Pooling.JOINT)
        throw new Fovea.UsageException("--similar-text: expected a model of pictures and words, and --pool joint, got --pool "
            + pooling);
      var words = similarTexts.isEmpty() ? List.<Embedding>of() : embed(similarTexts, embedder.texts());
      boolean patchesOnly = pca != null && output == null && queries.isEmpty() && words.isEmpty() && !json;
      if (!patchesOnly) embed(run, names, queries, words, form, settings(checkpoint, pooling, side, kernels));
      if (pca != null) drawPatches(embedder, run, names);
      return pictures.passedOver() || similarPictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
    }
  }

  private Pooling checkedPooling(List<Pooling> possible) {
    if (pool == null) return possible.getFirst();
    for (var pooling : possible) if (pooling.toString().equals(pool)) return pooling;
    var names = String.join(", ", possible.stream().map(Pooling::toString).toList());
    throw new Fovea.UsageException("--pool: expected one of " + names + " for this model, got " + pool);
  }

  private @Nullable EmbeddingFile checkedOutput() {
    if (batch < 1 || batch > MAX_BATCH) throw new Fovea.UsageException("--batch: expected 1 to " + MAX_BATCH + ", got " + batch);
    if (resume && output == null) throw new Fovea.UsageException("--resume: expected -o FILE, whose run is to be resumed");
    if (background && pca == null)
      throw new Fovea.UsageException("--background: expected --pca FILE.png, where it is to be coloured");
    Outputs.requirePng("--pca", pca);
    if (output == null) return null;
    var form = EmbeddingFile.of(output);
    if (resume && isStream())
      throw new Fovea.UsageException("--resume: expected a file as output, got a device or a pipe, " + output);
    return form;
  }

  private boolean isStream() {
    return Destination.of(output).isStream();
  }

  /// All output files.
  private Outputs outputs(@Nullable EmbeddingFile form) {
    boolean resumable = form != null && !isStream();
    return Outputs.of(output, form == null ? null : form.names(output), resumable ? EmbedJournal.file(output) : null, pca)
        .readingModel(model);
  }

  /// 0 for the size of the model's preprocessing.
  private int checkedSize(int patch) {
    if (size == null) return 0;
    if (size < patch || size > PictureEmbedder.MAX_SIZE || size % patch != 0)
      throw new Fovea.UsageException("--size: expected a multiple of the patch size " + patch + ", from " + patch + " to "
          + PictureEmbedder.MAX_SIZE + ", got " + size);
    return size;
  }

  /// Everything that the vectors depend on besides the pictures.
  private Map<String, String> settings(Checkpoint checkpoint, Pooling pooling, int side, Kernels kernels) {
    return settings(checkpoint, Map.of("pooling", pooling.toString(), "normalized", String.valueOf(!asTheyAre), "size",
        String.valueOf(side)), kernels);
  }

  private Map<String, String> settings(Checkpoint checkpoint, Map<String, String> others, Kernels kernels) {
    var settings = new TreeMap<>(others);
    settings.put("model", model.toString());
    settings.put("model_stamp", EmbedJournal.stamp(checkpoint.path().toString()));
    settings.put("kernels", kernels.name());
    return settings;
  }

  private void embed(EmbedRun run, List<String> names, List<String> queries, List<Embedding> words,
      @Nullable EmbeddingFile form, Map<String, String> settings) {
    try (var journal = form == null || isStream() ? null : new EmbedJournal(output, settings.toString(), resume)) {
      run.embed(Stream.concat(names.stream(), queries.stream()).distinct().toList(), journal);
      var embeddings = run.embeddings(names);
      if (form != null && !embeddings.isEmpty()) form.write(output, embeddings, "image", settings);
      var rankings = Stream.concat(run.embeddings(queries).stream().map(query -> Ranking.of(query, embeddings)),
          words.stream().map(query -> Ranking.ofText(query, embeddings))).toList();
      if (!rankings.isEmpty()) Output.report(json ? Output.json(rankings) : Ranking.text(rankings), Outputs.of(output, pca));
      boolean toStdout = form == null && queries.isEmpty() && words.isEmpty() && !embeddings.isEmpty();
      if (toStdout) Output.write(json ? EmbeddingFile.json(embeddings, "image") : text(embeddings), null);
      if (journal != null && run.allWereReadable()) journal.finished();
    }
  }

  private static String text(List<Embedding> embeddings) {
    var text = new StringBuilder();
    for (var e : embeddings) {
      text.append(e.name()).append(String.format("%n  %d numbers:", e.embedding().length));
      int shown = Math.min(SHOWN, e.embedding().length);
      for (int i = 0; i < shown; i++) text.append(String.format(Locale.ROOT, " %.4f", e.embedding()[i]));
      text.append(e.embedding().length > SHOWN ? " …" : "").append(System.lineSeparator());
    }
    return text.toString();
  }

  private void drawPatches(PictureEmbedder embedder, EmbedRun run, List<String> names) {
    var drawing = new PatchDrawing();
    for (int i = 0; i < names.size(); i++) {
      var picture = run.read(names.get(i));
      if (picture == null) continue;
      drawing.add(picture, embedder.patches(picture.prepared(), run.progress(i, 1, names.size(), names.get(i))));
    }
    drawing.write(pca, background);
  }
}
