package dev.fovea.cli;

import com.google.common.base.Stopwatch;
import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.NpzFile;
import dev.fovea.engine.feature.AttentionRollout.Fusion;
import dev.fovea.engine.image.Picture;
import dev.fovea.models.OpenModel;
import dev.fovea.models.explain.ExplainSettings;
import dev.fovea.models.explain.Explainer;
import dev.fovea.models.explain.Explanation;
import dev.fovea.models.explain.Subject;
import dev.fovea.models.sam.Prompt;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "explain", description = "Show what a model attends to in a picture or a text, as a page to explore.",
    footer = {"", "What the model takes beside the picture: --labels of CLIP and SigLIP, --point of Segment Anything, a sentence "
        + "of Grounding DINO, a question of a vision-language model; of BERT --text and no picture.",
        "The page needs no network. --json and --npz write the same numbers unrounded."})
final class ExplainCommand implements Callable<Integer> {
  private static final int MAX_PAGE = 10_000_000;
  /// Attention weights on a page, each in a byte; all of ViT-B at 224 pixels.
  private static final long PAGE_WEIGHTS = 5_600_000;

  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1", arity = "0..1", paramLabel = "IMAGE", description = "A picture, or - for stdin.")
  private @Nullable String image;

  @Parameters(index = "2", arity = "0..1", paramLabel = "WORDS", description = "A sentence or a question about the picture.")
  private @Nullable String words;

  @Option(names = "--labels", paramLabel = "A,B,…", description = "Labels that the picture is compared with, with commas between.")
  private @Nullable String labels;

  @Option(names = "--text", paramLabel = "TEXT", description = "A text instead of a picture, for a model of texts.")
  private @Nullable String text;

  @Option(names = "--point", paramLabel = "X,Y", description = "A point on an object; may be given several times.")
  private List<String> points = List.of();

  @Option(names = "--size", paramLabel = "N",
      description = "Scale the shorter side to N pixels, a multiple of the patch size, and keep the aspect (default: the "
          + "model's preprocessing).")
  private @Nullable Integer size;

  @Option(names = "--layer", paramLabel = "N",
      description = "The layer whose arithmetic is shown, from 0 (default: the last).")
  private @Nullable Integer layer;

  @Option(names = "--fusion", paramLabel = "NAME", defaultValue = "mean",
      description = "How the rollout makes one of a layer's heads: mean, max or min (default: mean).")
  private Fusion fusion;

  @Option(names = "--discard", paramLabel = "X", defaultValue = "0",
      description = "Share of each token's weakest looks that the rollout leaves out, from 0 to below 1 (default: 0).")
  private double discard;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "32",
      description = "Tokens of a vision-language model's answer at most (default: 32).")
  private int maxTokens;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE.html", description = "Where to write the page.")
  private @Nullable Path output;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the numbers as JSON.")
  private @Nullable Path json;

  @Option(names = "--npz", paramLabel = "FILE", description = "Write the numbers as NumPy's .npz.")
  private @Nullable Path npz;

  @Override
  public Integer call() {
    if (output == null && json == null && npz == null)
      throw new Fovea.UsageException("expected -o FILE.html, --json FILE or --npz FILE");
    if ((image == null) == (text == null))
      throw new Fovea.UsageException("expected a picture or --text, got " + (image == null ? "none" : "both"));
    if (words != null && labels != null) throw new Fovea.UsageException("--labels: expected no sentence beside it");
    if (layer != null && layer < 0) throw new Fovea.UsageException("--layer: expected at least 0, got " + layer);
    if (size != null && size < 1) throw new Fovea.UsageException("--size: expected at least 1, got " + size);
    if (!(discard >= 0 && discard < 1)) throw new Fovea.UsageException("--discard: expected 0 to below 1, got " + discard);
    if (maxTokens < 1) throw new Fovea.UsageException("--max-tokens: expected at least 1, got " + maxTokens);
    var prompts = prompts();
    var texts = texts();
    var read = image == null ? null : image.equals(PictureInputs.STDIN) ? PictureInputs.STDIN_FILE : Path.of(image);
    var outputs = Outputs.of(output, json, npz).readingModel(model).reading(read);
    outputs.require();
    var picture = image == null ? null : PictureInputs.one(image);
    var subject = new Subject(picture, texts, prompts);
    try (var kernels = kernelOptions.open(); var bar = new Terminal.ProgressBar();
        var opened = OpenModel.of(modelOptions.open(model), kernels)) {
      write(subject, opened, about(opened, kernels.name(), picture), bar);
    }
    return Fovea.GOOD;
  }

  private Explanation explain(OpenModel opened, Subject subject, ExplainSettings settings, Terminal.ProgressBar bar) {
    try {
      return Explainer.explain(opened, subject, settings,
          (done, total) -> bar.update((double) done / Math.max(1, total), "explaining"));
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException(model + ": " + e.getMessage());
    }
  }

  private List<Prompt.Point> prompts() {
    return points.stream().map(point -> {
      var numbers = Arrays.stream(point.split(",", -1)).map(part -> Floats.tryParse(part.strip())).toList();
      if (numbers.size() != 2 || numbers.contains(null))
        throw new Fovea.UsageException("--point: expected 2 numbers with commas between, got '" + point + "'");
      return new Prompt.Point(numbers.getFirst(), numbers.getLast(), true);
    }).toList();
  }

  private List<String> texts() {
    if (text != null) return List.of(text);
    if (words != null) return List.of(words);
    if (labels == null) return List.of();
    var given = Arrays.stream(labels.split(",", -1)).map(String::strip).toList();
    if (given.contains("")) throw new Fovea.UsageException("--labels: expected labels with commas between, got an empty one in '"
        + labels + "'");
    return given;
  }

  private ExplainSettings settings(long most) {
    return new ExplainSettings(most, layer == null ? -1 : layer, fusion, discard, maxTokens, size == null ? 0 : size);
  }

  /// What the numbers depend on, by name.
  private Map<String, Object> about(OpenModel opened, String kernels, @Nullable Picture picture) {
    var about = new LinkedHashMap<String, Object>();
    about.put("model", model.toString());
    about.put("sha256", hash(opened.checkpoint()));
    about.put("family", opened.header().family());
    about.put("parameters", opened.parameters());
    if (picture != null) about.put("picture", image + ", " + picture.width() + "x" + picture.height());
    if (!texts().isEmpty()) about.put("texts", texts());
    if (!points.isEmpty()) about.put("points", points);
    about.put("kernels", kernels);
    about.put("rollout", "heads fused by " + fusion + ", ½ of the identity added, discarded share " + discard);
    return about;
  }

  private static String hash(Checkpoint checkpoint) {
    try {
      return MoreFiles.asByteSource(checkpoint.path()).hash(Hashing.sha256()).toString();
    } catch (IOException e) {
      throw new Fovea.UsageException(checkpoint.name() + ": cannot be read: " + e.getMessage());
    }
  }

  /// Writes all numbers, and a page with as many as fit on it.
  private void write(Subject subject, OpenModel opened, Map<String, Object> about, Terminal.ProgressBar bar) {
    var watch = Stopwatch.createStarted();
    Explanation all = null;
    if (json != null || npz != null) {
      all = explain(opened, subject, settings(Long.MAX_VALUE), bar);
      if (npz != null) NpzFile.write(npz, ExplainData.arrays(all));
      if (json != null) ExplainData.writeJson(json, all, about);
    }
    if (output == null) return;
    boolean fits = all != null && all.maps().stream().mapToLong(map -> map.weights().length).sum() <= PAGE_WEIGHTS;
    var shown = fits ? all : explain(opened, subject, settings(PAGE_WEIGHTS), bar);
    var page = ExplainPage.of(shown, about);
    for (long most = PAGE_WEIGHTS / 2; page.length >= MAX_PAGE && most > 0; most /= 2) {
      shown = explain(opened, subject, settings(most), bar);
      page = ExplainPage.of(shown, about);
    }
    Output.write(page, output);
    Output.report(String.format(Locale.ROOT, "%s: %d layers, %.2f MB, %.1f s%n", output, shown.maps().size(), page.length * 1e-6,
        watch.elapsed().toMillis() * 1e-3),
        Outputs.of(output));
  }
}
