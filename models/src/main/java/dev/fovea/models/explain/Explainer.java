package dev.fovea.models.explain;

import dev.fovea.engine.nn.AttentionMap;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.AnswersEarly;
import dev.fovea.models.Classification;
import dev.fovea.models.DetectsPhrases;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.OpenModel;
import dev.fovea.models.ReadsPictures;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Runs a model once, and keeps what it attended to.
///
/// ```java
/// try (var model = OpenModel.open(Path.of("model.safetensors"))) {
///   var explanation = Explainer.explain(model, Subject.of(Picture.read(Path.of("cat.jpg"))), ExplainSettings.ALL, Progress.NONE);
///   float[] weights = explanation.maps().getFirst().weights();
/// }
/// ```
public final class Explainer {
  private static final String EARLY = "early.", LOGITS = "logits", SCORES = "logits_per_image", TEXTS = "text_embeds";
  private static final Pattern LAYER = Pattern.compile("(.*)attentions\\.(\\d+)");
  private static final int TOP = 5;

  private final OpenModel model;
  private final Subject subject;
  private final ExplainSettings settings;
  private final ShownInputs shown;
  private final List<String> notes = new ArrayList<>();
  /// The embeddings of labels and their logits, of a model of pictures and words; else empty.
  private float[] words = {}, logits = {};

  private Explainer(OpenModel model, Subject subject, ExplainSettings settings, Progress progress) {
    this.model = model;
    this.subject = subject;
    this.settings = settings;
    shown = model.model() instanceof ReadsPictures ? Answered.ask(model, subject, settings.answerTokens(), progress)
        : ShownInputs.of(model, subject, settings.size());
  }

  /// Explains a pass. It costs the pass, with all attention maps computed.
  ///
  /// @param progress called on the calling thread before each operation
  /// @throws IllegalArgumentException if the model takes something else than the subject, or has no such layer
  /// @throws dev.fovea.engine.image.ImageException if the picture is too small or too elongated
  /// @throws dev.fovea.engine.tensor.CancelledException if the thread is interrupted
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the file was truncated after it was opened
  /// @throws IllegalStateException if the model is closed
  public static Explanation explain(OpenModel model, Subject subject, ExplainSettings settings, Progress progress) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(subject, "subject");
    Objects.requireNonNull(settings, "settings");
    Objects.requireNonNull(progress, "progress");
    return model.call(() -> new Explainer(model, subject, settings, progress).run(progress));
  }

  private Explanation run(Progress progress) {
    var probe = Probe.of(_ -> true, _ -> true);
    var outputs = new LinkedHashMap<String, Tensor>();
    return model.run("explain", shown.inputs(), inputs -> {
      outputs.clear();
      outputs.putAll(model.model().outputs(inputs, probe));
      outputs.putAll(early(probe, outputs));
      return List.copyOf(outputs.values());
    }, _ -> explanation(probe, outputs), progress).withEffects(effects(progress));
  }

  /// What the model would answer after each block, by the names of the blocks' outputs.
  private Map<String, Tensor> early(Probe probe, Map<String, Tensor> outputs) {
    var early = new LinkedHashMap<String, Tensor>();
    if (!(model.model() instanceof AnswersEarly answers)) return early;
    probe.tensors().forEach((name, tensor) -> {
      if (!name.matches("(vision_model_output\\.)?hidden_states\\.\\d+")) return;
      var answer = answers.answer(tensor);
      if (answer != null && model.model() instanceof JoinsPicturesAndText joins)
        answer = outputs.containsKey(TEXTS) ? joins.logits(answer, outputs.get(TEXTS)) : null;
      if (answer != null) early.put(EARLY + name, answer);
    });
    return early;
  }

  private Explanation explanation(Probe probe, Map<String, Tensor> outputs) {
    var found = model.model() instanceof DetectsPhrases ? Found.of(outputs, shown.words().getFirst()) : null;
    var looks = looks(probe, found);
    var sizes = MapSizes.of(looks, settings.maxWeights());
    var chains = ChainMaker.prefixes(probe).stream().filter(prefix -> looks.get(prefix + "attentions.0").rows() == null).toList();
    if (outputs.containsKey(TEXTS)) {
      words = outputs.get(TEXTS).toArray();
      logits = outputs.get(SCORES).toArray();
    }
    var fused = new LinkedHashMap<String, float[]>();
    var maps = new ArrayList<HeadMaps>();
    looks.forEach((name, map) -> {
      var reader = new MapReader(name, map, shown, found, sizes.get(name));
      var kept = reader.maps();
      if (kept != null) maps.add(kept);
      var layer = LAYER.matcher(name);
      if (layer.matches() && chains.contains(layer.group(1))) fused.put(name, reader.fused(settings.fusion()));
    });
    note(sizes);
    var made = chains.stream().map(prefix -> new ChainMaker(prefix, probe, settings).chain(fused,
        early(prefix, outputs))).toList();
    var features = new FeatureReader(model, probe, outputs);
    return new Explanation(shown.view(), found == null ? answers(outputs) : found.answers(), maps, made,
        operands(probe, looks, chains), features.positions(), features.filters(), features.features(), List.of(),
        found == null ? List.of() : found.samples(probe),
        shown.answered() == null ? "" : shown.answered().text(), notes);
  }

  private List<Explanation.Effect> effects(Progress progress) {
    return words.length == 0 || !(model.model() instanceof EmbedsPictures) ? List.of()
        : Effects.of(model, shown, subject.texts(), words, logits, progress);
  }

  /// All attention layers; of a decoder of boxes or words, from those that were found or said.
  private Map<String, Looks> looks(Probe probe, @Nullable Found found) {
    var looks = new LinkedHashMap<String, Looks>();
    probe.attentions().forEach((name, map) -> {
      // A prompt is answered twice, with three masks and with one.
      if (name.contains(".single.")) return;
      var all = Looks.of(map);
      boolean ofBoxes = found != null && name.startsWith("decoder."), ofWords = shown.answered() != null && name.startsWith("att");
      looks.put(name, ofBoxes ? found.cut(all) : ofWords ? shown.answered().cut(all) : all);
    });
    return looks;
  }

  private void note(Map<String, MapSizes.Kept> sizes) {
    int coarse = 0, mean = 0, most = 1;
    var left = new ArrayList<String>();
    for (var size : sizes.entrySet()) {
      var kept = size.getValue();
      if (kept.block() == 0) left.add(size.getKey());
      else if (kept.block() > 1) coarse++;
      if (kept.block() > 0 && kept.mean()) mean++;
      most = Math.max(most, kept.block());
    }
    if (coarse > 0)
      notes.add("Of " + coarse + " layers the maps are coarser than the model's: squares of up to " + most + "x" + most
          + " patches are one query and one key. The class token's look is kept patch by patch; entropies and distances are of the"
          + " model's own maps.");
    if (mean > 0) notes.add("Of " + mean + " layers only the mean of the heads is kept.");
    if (!left.isEmpty()) notes.add("Too large to be kept: " + String.join(", ", left) + ".");
  }

  private List<List<Classification>> early(String prefix, Map<String, Tensor> outputs) {
    var all = new ArrayList<List<Classification>>();
    for (int i = 0; outputs.containsKey(EARLY + prefix + "hidden_states." + i); i++)
      all.add(classified(outputs.get(EARLY + prefix + "hidden_states." + i)));
    return all;
  }

  private List<Classification> answers(Map<String, Tensor> outputs) {
    var logits = outputs.get(outputs.containsKey(SCORES) ? SCORES : LOGITS);
    return logits == null || logits.rank() != 2 || logits.dim(0) != 1 ? List.of() : classified(logits);
  }

  /// @param logits `[1, classes]`
  private List<Classification> classified(Tensor logits) {
    var labels = model.model() instanceof JoinsPicturesAndText ? subject.texts() : model.header().labels();
    if (labels.size() != logits.dim(1)) return List.of();
    var scores = Scores.of(logits.toArray(), Scores.areSigmoids(model));
    var order = new ArrayList<Integer>();
    for (int i = 0; i < scores.length; i++) order.add(i);
    order.sort((a, b) -> Float.compare(scores[b], scores[a]));
    return order.stream().limit(TOP).map(i -> new Classification(i, labels.get(i), scores[i])).toList();
  }

  private Explanation.@Nullable Operands operands(Probe probe, Map<String, Looks> looks, List<String> chains) {
    var all = looks.keySet().stream().filter(name -> probe.tensors().containsKey(name + ".q")
        && looks.get(name).windows() == null && looks.get(name).rows() == null).toList();
    var main = chains.stream().filter(prefix -> hasPatches(probe.attentions().get(prefix + "attentions.0"))).findFirst()
        .orElse(chains.isEmpty() ? null : chains.getFirst());
    var layers = main == null ? all : all.stream().filter(name -> name.matches(Pattern.quote(main) + "attentions\\.\\d+")).toList();
    if (layers.isEmpty() && settings.layer() < 0) return null;
    if (settings.layer() >= layers.size())
      throw new IllegalArgumentException("layer: expected 0 to " + (layers.size() - 1) + ", got " + settings.layer());
    // A mask would be a fourth operand, which is not handed out.
    var unmasked = (settings.layer() < 0 ? layers.reversed() : List.of(layers.get(settings.layer()))).stream()
        .map(name -> operands(name, probe)).filter(operands -> operands.give(looks.get(operands.name()).head(0, 0))).findFirst();
    return unmasked.orElse(null);
  }

  private static Explanation.Operands operands(String name, Probe probe) {
    var q = probe.tensors().get(name + ".q").select(0, 0);                            // [H, M, D]
    var map = probe.attentions().get(name);
    return new Explanation.Operands(name, q.dim(0), q.dim(2), map.queries(), map.keys(), q.toArray(),
        probe.tensors().get(name + ".k").select(0, 0).toArray(), probe.tensors().get(name + ".v").select(0, 0).toArray());
  }

  static boolean hasPatches(@Nullable AttentionMap map) {
    return map != null && map.keys().runs().stream().anyMatch(run -> run.kind() == Tokens.Kind.PATCH);
  }
}
