package dev.fovea.converter;

import com.google.gson.JsonArray;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Sha256;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.WeightFormat;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Converts a published checkpoint: weights in any form that [Source] opens, with a `config.json` of Hugging Face or timm and,
/// optionally, a `preprocessor_config.json` beside them.
public final class Converter {
  /// Incremented when a conversion gives different bytes, so that [ConversionCache] does not use earlier ones.
  public static final int VERSION = 3;

  /// The file with the tokens that end a text.
  static final String GENERATION = "generation_config.json";

  /// The files beside the weights that a conversion may read.
  public static final List<String> BESIDE_WEIGHTS = Stream.concat(
      Stream.of("config.json", "open_clip_config.json", "preprocessor_config.json", "processor_config.json", Converter.GENERATION,
          PublishedTemplate.FILE, PublishedTemplate.JSON), Tokenizer.FILES.stream()).toList();

  /// The metadata key of the defaults used for missing fields, as JSON.
  public static final String ASSUMED = "assumed";
  private static final String PREPROCESSOR = "preprocessor_config.json";

  private Converter() {}

  /// Checks, before gigabytes of weights are fetched, that a folder's config is of a supported model. A folder without a config
  /// passes.
  ///
  /// @throws CheckpointException if it is not
  public static void requireKnown(Path folder) {
    var config = folder.resolve("config.json");
    if (Files.exists(config) && !Files.exists(folder.resolve("open_clip_config.json")))
      HuggingFace.requireKnown(Recognition.json(config));
  }

  /// Writes the model in `source` to `target`, all of it or nothing.
  ///
  /// @param source the folder, or the file or index of the weights in it
  /// @throws CheckpointException if something is missing, unknown or left over, or `target` cannot be written, is one of the files
  /// read, or is in the folder `source`
  public static Report convert(Path source, Path target, Conversion conversion) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(target, "target");
    Objects.requireNonNull(conversion, "conversion");
    SourceFiles.of(source, conversion).requireApart(source, target);
    return with(source, conversion, prepared -> {
      WholeFile.requirePlace(target);
      return prepared.run(writer -> writer.write(target));
    });
  }

  /// The files that a conversion of `source` reads.
  ///
  /// @throws CheckpointException if there are no weights
  public static List<Path> files(Path source) {
    Objects.requireNonNull(source, "source");
    return SourceFiles.of(source, Conversion.to(WeightFormat.F32)).files();
  }

  /// Writes the model in `source` to `target`, with the config in its folder.
  ///
  /// @param type element type of the matrices
  /// @throws CheckpointException if something is missing, unknown or left over, or `target` cannot be written
  public static Report convert(Path source, Path target, WeightFormat type) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(target, "target");
    Objects.requireNonNull(type, "type");
    return convert(source, target, Conversion.to(type));
  }

  /// Does everything that [#convert] does except writing.
  ///
  /// @throws CheckpointException if something is missing, unknown or left over
  public static Report rehearse(Path source, Conversion conversion) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(conversion, "conversion");
    return with(source, conversion, prepared -> prepared.run(CheckpointWriter::rehearse));
  }

  /// Reports what [#convert] would do. It reads names, shapes and configs but no elements, so it is fast.
  ///
  /// @throws CheckpointException if something is missing, unknown or left over
  public static Report plan(Path source, Conversion conversion) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(conversion, "conversion");
    return with(source, conversion, prepared -> prepared.report(Map.of(), ""));
  }

  /// The contents of a checkpoint, and what [#convert] would do, or why it would fail.
  ///
  /// @throws CheckpointException if there is no checkpoint, or it cannot be read
  public static Inspection inspect(Path path, Conversion conversion) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(conversion, "conversion");
    try (var checkpoint = Source.open(path)) {
      return checkpoint.reading(() -> inspect(checkpoint, path, conversion));
    }
  }

  private static Inspection inspect(Source checkpoint, Path path, Conversion conversion) {
    var tensors = checkpoint.tensors().values().stream().map(Inspection.Tensor::of).toList();
    String family = null;
    try {
      var folder = Source.folder(path);
      var model = model(checkpoint, folder, conversion);
      family = model.published.config().family().id();
      return new Inspection(tensors, family, prepare(checkpoint, folder, model, conversion).report(Map.of(), ""), null);
    } catch (CheckpointException e) {
      return new Inspection(tensors, family, null, e.getMessage());
    }
  }

  /// A conversion that is ready to write.
  private record Prepared(CheckpointWriter writer, SourceHashes hashes, MappedSource source, Model model, long parameters,
      Map<String, String> dropped) {
    Report run(Consumer<CheckpointWriter> writing) {
      try (hashes) {
        hashes.start();
        writing.accept(writer);
        return report(hashes.get(), writer.sha256());
      }
    }

    Report report(Map<String, String> sources, String sha256) {
      var config = model.published.config();
      return new Report(config.family().id(), config.toJson(), model.configFrom, model.assumed, parameters, writer.fileBytes(),
          source.parameters(), dropped, source.nonFinite(), source.overflown(), sources, sha256);
    }
  }

  /// A checkpoint's model.
  ///
  /// @param configFrom the source of the config
  /// @param assumed the defaults used for missing fields
  private record Model(HuggingFace published, String configFrom, List<String> assumed, JsonFields preprocessing) {}

  private static <T> T with(Path path, Conversion conversion, Function<Prepared, T> use) {
    var folder = Source.folder(path);
    try (var checkpoint = Source.open(path)) {
      return checkpoint.reading(() -> use.apply(prepare(checkpoint, folder, model(checkpoint, folder, conversion), conversion)));
    }
  }

  private static Prepared prepare(Source checkpoint, Path folder, Model model, Conversion conversion) {
    var config = model.published.config();
    var writer = new CheckpointWriter();
    var source = new MappedSource(checkpoint, model.published.names(), conversion, config::isOfLanguageModel, writer);
    var bound = Weights.bind(source, config::load);
    if (conversion.format().blockLength() > 1 && !source.hasFormat())
      throw new CheckpointException(checkpoint.name() + ": " + conversion.format().name().toLowerCase(Locale.ROOT)
          + " is for the matrices of a language model, and a " + config.family().id()
          + " has none; --towers, in Java Conversion.withTowers, stores its own in 8 bits");
    var dropped = source.finish();
    addTokenizer(folder, writer);
    new ModelHeader(config.family().id(), new JsonFields("config", config.toJson()), model.preprocessing,
        model.published.labels(), model.published.palette()).addTo(writer);
    var template = PublishedTemplate.in(folder);
    if (template != null) writer.metadata(ModelHeader.CHAT_TEMPLATE, template);
    if (!model.assumed.isEmpty()) {
      var lines = new JsonArray();
      model.assumed.forEach(lines::add);
      writer.metadata(ASSUMED, lines.toString());
    }
    var hashes = new SourceHashes(Stream.concat(Stream.of(Path.of(checkpoint.name())), checkpoint.paths().stream()).distinct()
        .toList());
    writer.metadata("source", hashes.placeholder(), hashes::json).metadata("sha256", "0".repeat(Sha256.LENGTH), writer::sha256);
    return new Prepared(writer, hashes, source, model, bound.parameters(), dropped);
  }

  private static Model model(Source checkpoint, Path folder, Conversion conversion) {
    var preprocessor = preprocessor(folder);
    var model = Recognition.of(checkpoint, folder, preprocessor, conversion);
    var assumed = new ArrayList<>(model.assumed());
    var preprocessing = preprocessing(preprocessor, model, assumed);
    var tokenizer = Tokenizer.fileIn(folder);
    if (tokenizer != null) assumed.addAll(Tokenizer.assumedOf(tokenizer));
    return new Model(model.published(), model.configFrom(), List.copyOf(assumed), preprocessing);
  }

  /// The folder's preprocessing of pictures, or null. Newer folders have it in the file of the whole processor.
  private static @Nullable JsonFields preprocessor(Path folder) {
    Path file = folder.resolve(PREPROCESSOR), whole = folder.resolve("processor_config.json");
    if (Files.exists(file)) return Recognition.json(file);
    var processor = Files.exists(whole) ? Recognition.json(whole) : null;
    return processor != null && processor.has("image_processor") ? processor.object("image_processor") : null;
  }

  /// Adds the folder's tokenizer, if any, to the file.
  private static void addTokenizer(Path folder, CheckpointWriter writer) {
    var file = Tokenizer.fileIn(folder);
    if (file == null) return;
    var bytes = Tokenizer.jsonOf(file).getBytes(StandardCharsets.UTF_8);
    Tokenizer.read(file.toString(), bytes);   // Fails now instead of in the engine later.
    writer.tensor(Tokenizer.TENSOR, DType.U8, new long[] {bytes.length}, sink -> sink.write(ByteBuffer.wrap(bytes)));
  }

  /// The preprocessing of pictures; empty for a text model.
  ///
  /// @param published the folder's preprocessing; null for none
  /// @param assumed gets the defaults used for missing fields
  private static JsonFields preprocessing(@Nullable JsonFields published, Recognition model, List<String> assumed) {
    var usual = new JsonFields("preprocessing", model.published().preprocessing());
    if (usual.json().isEmpty()) return usual;
    if (published == null) {
      if (!model.tellsPreprocessing())
        assumed.add("there is no " + PREPROCESSOR + ": pictures are prepared as is usual for this model: " + usual.json());
      return usual;
    }
    var told = ImageProcessor.complete(published, model.published().config().family());
    PicturePreparation.of(told.config());   // Fails now instead of in the engine later.
    assumed.addAll(told.assumed());
    return told.config();
  }
}
