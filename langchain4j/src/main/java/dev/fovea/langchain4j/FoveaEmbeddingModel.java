package dev.fovea.langchain4j;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.OpenModel;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import dev.fovea.models.TextEmbedder;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.image.Image;
import dev.langchain4j.data.message.ContentType;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.request.EmbeddingInput;
import dev.langchain4j.model.embedding.request.EmbeddingInputType;
import dev.langchain4j.model.embedding.request.EmbeddingParameter;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.model.embedding.request.EmbeddingRequestParameters;
import dev.langchain4j.model.embedding.response.EmbeddingResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jetbrains.annotations.Nullable;

/// Vectors of texts and pictures, of length 1, from a model file.
///
/// | file | texts | pictures |
/// |---|---|---|
/// | CLIP, SigLIP with both encoders | yes | yes, in the same space |
/// | an encoder of texts alone | yes | |
/// | an image encoder alone: CLIP, SigLIP, DINOv2, ViT | | yes |
///
/// ```java
/// try (var model = FoveaEmbeddingModel.builder().file(Path.of("clip.safetensors")).build()) {
///   var picture = EmbeddingRequest.builder().input(ImageContent.from(Path.of("picture.jpg"), "image/jpeg")).build();
///   store.add(model.embed(picture).embeddings().getFirst());
///   store.search(EmbeddingSearchRequest.builder().queryEmbedding(model.embed("a red star").content()).build());
/// }
/// ```
///
/// Texts are words: one that is a picture in base64 is refused with an [IllegalArgumentException]. What a file cannot embed is
/// refused with an [UnsupportedFeatureException]. An encoder of texts cuts those that are longer than it was published for; with
/// CLIP and SigLIP, a text with more tokens than the model has positions gives a [TokenizerException].
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class FoveaEmbeddingModel implements EmbeddingModel, AutoCloseable {
  private final @Nullable TextEmbedder texts;
  private final @Nullable PictureEmbedder pictures;
  private final @Nullable Pooling pooling;
  private final String modelName;
  private final int batchSize;
  private final @Nullable Map<EmbeddingInputType, String> prefixes;
  /// 0 until it is known.
  private volatile int dimension;

  private FoveaEmbeddingModel(Builder builder, @Nullable TextEmbedder texts, @Nullable PictureEmbedder pictures) {
    this.texts = texts;
    this.pictures = pictures;
    pooling = pictures == null ? null : builder.pooling != null ? builder.pooling : pictures.poolings().getFirst();
    modelName = builder.modelName != null ? builder.modelName : builder.file != null ? Names.of(builder.file) : "fovea";
    batchSize = builder.batchSize;
    boolean prefixed = builder.queryPrefix != null || builder.documentPrefix != null;
    prefixes = !prefixed ? null : Map.of(EmbeddingInputType.QUERY, Objects.requireNonNullElse(builder.queryPrefix, ""),
        EmbeddingInputType.DOCUMENT, Objects.requireNonNullElse(builder.documentPrefix, ""));
  }

  /// What a model is made of.
  public static Builder builder() {
    return new Builder();
  }

  /// The vectors of a request's inputs, in their order: of a text, whose parts are joined by line feeds, or of a picture. Pictures
  /// are base64, or `file:` or `data:` URLs; nothing is downloaded.
  ///
  /// @throws UnsupportedFeatureException if the model does not embed this kind of input, an input is of several parts that are not
  ///     all texts, or a picture has another URL
  /// @throws IllegalArgumentException if a text is a picture in base64
  /// @throws TokenizerException if a text has more tokens than the model has positions
  /// @throws ImageException if an input is no picture, or unsuitable
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the model is closed
  @Override
  public EmbeddingResponse doEmbed(EmbeddingRequest request) {
    Objects.requireNonNull(request, "request");
    var words = new TreeMap<Integer, String>();
    var shown = new TreeMap<Integer, Image>();
    var inputs = request.inputs();
    for (int i = 0; i < inputs.size(); i++) {
      var contents = inputs.get(i).contents();
      if (contents.stream().allMatch(TextContent.class::isInstance))
        words.put(i, Images.requireWords(inputs.get(i).text(), name(i)));
      else if (contents.size() == 1 && contents.getFirst() instanceof ImageContent picture) shown.put(i, picture.image());
      else throw notFused(inputs.get(i), i);
    }
    var vectors = new TreeMap<Integer, Embedding>();
    if (!words.isEmpty()) {
      var embedder = require(texts, ContentType.TEXT);
      var settings = embedder.settings().withNormalized(true).withPrompt(prompt(embedder, request.inputType()));
      // An encoder of texts makes its own batches.
      inBatches(words, settings.pooling() == null ? batchSize : words.size(), batch ->
          embedder.embed(List.copyOf(batch.values()), settings, Progress.NONE), vectors);
    }
    if (!shown.isEmpty()) {
      var embedder = require(pictures, ContentType.IMAGE);
      inBatches(shown, batchSize, batch -> embedder.embed(decoded(batch), pooling, true, Progress.NONE), vectors);
    }
    if (!vectors.isEmpty()) dimension = vectors.firstEntry().getValue().dimension();
    return EmbeddingResponse.builder().embeddings(List.copyOf(vectors.values())).modelName(modelName).build();
  }

  /// The builder's prefix, or the prompt that the model was published with.
  private String prompt(TextEmbedder embedder, @Nullable EmbeddingInputType type) {
    var usual = embedder.settings().prompt();
    if (prefixes != null) return type == null ? "" : prefixes.get(type);
    if (type == null) return usual;
    var names = type == EmbeddingInputType.QUERY ? List.of("query") : List.of("document", "passage");
    for (var name : names) if (embedder.prompts().containsKey(name)) return embedder.prompts().get(name);
    return usual;
  }

  private static <T> void inBatches(TreeMap<Integer, T> inputs, int batchSize, Function<TreeMap<Integer, T>, List<float[]>> pass,
      TreeMap<Integer, Embedding> vectors) {
    var batch = new TreeMap<Integer, T>();
    for (var each : inputs.entrySet()) {
      batch.put(each.getKey(), each.getValue());
      if (batch.size() < batchSize && !each.getKey().equals(inputs.lastKey())) continue;
      var found = pass.apply(batch).iterator();
      batch.keySet().forEach(i -> vectors.put(i, Embedding.from(found.next())));
      batch.clear();
    }
  }

  private static List<Picture> decoded(TreeMap<Integer, Image> images) {
    var decoded = new ArrayList<Picture>();
    images.forEach((i, image) -> decoded.add(Images.picture(image, name(i))));
    return decoded;
  }

  private static String name(int input) {
    return "input " + (input + 1);
  }

  private <T> T require(@Nullable T embedder, ContentType type) {
    if (embedder == null)
      throw new UnsupportedFeatureException(modelName + ": expected inputs of " + supportedContentTypes() + ", got " + type);
    return embedder;
  }

  private static UnsupportedFeatureException notFused(EmbeddingInput input, int i) {
    return new UnsupportedFeatureException(name(i) + ": expected a text or one picture, got "
        + input.contents().stream().map(content -> content.type().name()).toList() + ", which no model here fuses into one vector");
  }

  /// Texts, pictures, or both, as the file can.
  @Override
  public Set<ContentType> supportedContentTypes() {
    var types = EnumSet.noneOf(ContentType.class);
    if (texts != null) types.add(ContentType.TEXT);
    if (pictures != null) types.add(ContentType.IMAGE);
    return types;
  }

  /// The input type, if the model was given a prefix for queries or documents, or published with prompts; otherwise none.
  @Override
  public Set<EmbeddingParameter<?>> supportedParameters() {
    boolean prompted = prefixes != null || texts != null && !texts.prompts().isEmpty();
    return prompted ? Set.of(EmbeddingRequestParameters.INPUT_TYPE) : Set.of();
  }

  /// The number of components of a vector. Before the first vector it costs a pass of the model.
  @Override
  public int dimension() {
    if (dimension == 0) {
      var vector = texts != null ? texts.embed("a")
          : pictures.embed(new Picture("black", 64, 64, new byte[64 * 64 * 3]), pooling, true, Progress.NONE);
      dimension = vector.length;
    }
    return dimension;
  }

  /// The name given to the builder; otherwise that of the file, without `.safetensors`.
  @Override
  public String modelName() {
    return modelName;
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "FoveaEmbeddingModel: " + (pictures != null ? pictures : texts);
  }

  /// Closes the model, also one that was given open: new calls are refused, running ones end normally. Closing twice is harmless.
  @Override
  public void close() {
    if (pictures != null) pictures.close();
    if (texts != null) texts.close();
  }

  /// What a model is made of: a file, or an open embedder, and how it is used.
  public static final class Builder {
    private @Nullable Path file;
    private @Nullable TextEmbedder texts;
    private @Nullable PictureEmbedder pictures;
    private OpenOptions options = OpenOptions.DEFAULT;
    private @Nullable Pooling pooling;
    private @Nullable String modelName;
    private @Nullable String queryPrefix;
    private @Nullable String documentPrefix;
    private int batchSize = 32;

    private Builder() {}

    /// The model file.
    public Builder file(Path file) {
      this.file = Objects.requireNonNull(file, "file");
      return this;
    }

    /// An open embedder of texts, in place of a file; the model closes it.
    public Builder texts(TextEmbedder texts) {
      this.texts = Objects.requireNonNull(texts, "texts");
      return this;
    }

    /// An open embedder of pictures, in place of a file, with its texts if it has some; the model closes it.
    public Builder pictures(PictureEmbedder pictures) {
      this.pictures = Objects.requireNonNull(pictures, "pictures");
      return this;
    }

    /// How to open the file: workers, residency, warm-up. By default [OpenOptions#DEFAULT].
    public Builder options(OpenOptions options) {
      this.options = Objects.requireNonNull(options, "options");
      return this;
    }

    /// How a picture's features become a vector: one of [PictureEmbedder#poolings()], by default the first. With another than
    /// [Pooling#JOINT] the model embeds pictures alone: texts have no such vectors.
    public Builder pooling(Pooling pooling) {
      this.pooling = Objects.requireNonNull(pooling, "pooling");
      return this;
    }

    /// The name that the model tells; by default that of the file.
    public Builder modelName(String modelName) {
      this.modelName = Objects.requireNonNull(modelName, "modelName");
      return this;
    }

    /// What stands before each text of a request whose input type is a query, as the model was trained, such as `query: `. With it
    /// or [#documentPrefix(String)] the model takes the input type of requests.
    public Builder queryPrefix(String queryPrefix) {
      this.queryPrefix = Objects.requireNonNull(queryPrefix, "queryPrefix");
      return this;
    }

    /// What stands before each text of a request whose input type is a document, such as `passage: `.
    public Builder documentPrefix(String documentPrefix) {
      this.documentPrefix = Objects.requireNonNull(documentPrefix, "documentPrefix");
      return this;
    }

    /// Most texts or pictures of a pass, by default 32: more take more memory.
    ///
    /// @throws IllegalArgumentException if it is not positive
    public Builder batchSize(int batchSize) {
      if (batchSize < 1) throw new IllegalArgumentException("batchSize: expected at least 1, got " + batchSize);
      this.batchSize = batchSize;
      return this;
    }

    /// Opens the model.
    ///
    /// @throws CheckpointException if there is no such file, its model embeds neither texts nor pictures, or it does not fit in
    ///     memory
    /// @throws IllegalArgumentException if there is not exactly one of a file and open embedders, or the model cannot pool so
    /// @throws CancelledException if the thread is interrupted
    public FoveaEmbeddingModel build() {
      Names.requireOne("file, texts, pictures", file, texts, pictures);
      if (texts != null || file != null && !seesPictures(file))
        return new FoveaEmbeddingModel(this, texts != null ? texts : TextEmbedder.open(file, options), null);
      var opened = pictures != null ? pictures : PictureEmbedder.open(file, options);
      try {
        if (pooling != null && !opened.poolings().contains(pooling))
          throw new IllegalArgumentException("pooling: expected one of " + opened.poolings() + " for this model, got " + pooling);
        boolean joint = (pooling != null ? pooling : opened.poolings().getFirst()) == Pooling.JOINT;
        return new FoveaEmbeddingModel(this, joint ? textsOf(opened) : null, opened);
      } catch (RuntimeException | Error e) {
        opened.close();
        throw e;
      }
    }

    /// Mapped, it takes milliseconds.
    private static boolean seesPictures(Path file) {
      try (var opened = OpenModel.open(file, OpenOptions.DEFAULT.withResidency(Residency.MAPPED))) {
        return opened.model() instanceof EmbedsPictures;
      }
    }

    private static @Nullable TextEmbedder textsOf(PictureEmbedder pictures) {
      try {
        return pictures.texts();
      } catch (CheckpointException e) {
        return null;   // An image encoder alone, or no tokenizer.
      }
    }
  }
}
