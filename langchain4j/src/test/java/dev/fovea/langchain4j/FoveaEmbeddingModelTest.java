package dev.fovea.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import dev.fovea.models.SentenceConfig;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.TextPooling;
import dev.fovea.models.TextSettings;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.image.Image;
import dev.langchain4j.data.message.AudioContent;
import dev.langchain4j.data.message.ContentType;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.request.EmbeddingInputType;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.EmbeddingStore;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Vectors of texts and pictures in LangChain4j's own store, by a CLIP that knows drawn shapes.
class FoveaEmbeddingModelTest {
  private static final List<String> COLOURS = List.of("red", "green", "blue", "yellow", "purple", "orange");
  private static final List<String> SHAPES = List.of("circle", "square", "triangle", "star", "cross", "ring");
  private static FoveaEmbeddingModel clip;

  @BeforeAll
  static void open() {
    clip = FoveaEmbeddingModel.builder().file(Demo.CLIP).build();
  }

  @AfterAll
  static void close() {
    clip.close();
  }

  /// A label for each coloured shape, as the reference implementation was asked.
  private static List<TextSegment> labels() {
    return COLOURS.stream().flatMap(colour -> SHAPES.stream().map(shape -> TextSegment.from("a photo of a " + colour + " " + shape)))
        .toList();
  }

  private static EmbeddingStore<TextSegment> storeOfLabels() {
    var store = new InMemoryEmbeddingStore<TextSegment>();
    store.addAll(clip.embedAll(labels()).content(), labels());
    return store;
  }

  private static <T> T nearest(EmbeddingStore<T> store, Embedding query) {
    var found = store.search(EmbeddingSearchRequest.builder().queryEmbedding(query).maxResults(1).build());
    return found.matches().getFirst().embedded();
  }

  private static ImageContent content(Path file) {
    return ImageContent.from(file, "image/png");
  }

  private static Embedding vector(EmbeddingModel model, Path file) {
    return model.embed(EmbeddingRequest.builder().input(content(file)).build()).embeddings().getFirst();
  }

  /// As the reference implementation on these pictures and labels: twelve of twelve.
  @Test
  void aPictureFindsTheTextThatDescribesIt() {
    var store = storeOfLabels();
    assertThat(Demo.singles()).hasSize(12).allSatisfy(single ->
        assertThat(nearest(store, vector(clip, single.file())).text()).isEqualTo("a photo of a " + single.truth()));
  }

  @Test
  void aTextFindsItsPictures() {
    var singles = Demo.singles();
    var store = new InMemoryEmbeddingStore<String>();
    var request = EmbeddingRequest.builder();
    singles.forEach(single -> request.input(content(single.file())));
    var response = clip.embed(request.build());
    assertThat(response.modelName()).isEqualTo("clip");
    store.addAll(response.embeddings(), singles.stream().map(Demo.Single::truth).toList());
    for (var single : singles)
      assertThat(nearest(store, clip.embed("a photo of a " + single.truth()).content())).isEqualTo(single.truth());
  }

  @Test
  void aTextFindsTheTextOfTheSameMeaning() {
    var store = storeOfLabels();
    for (var colour : COLOURS)
      for (var shape : SHAPES) {
        var found = nearest(store, clip.embed("a " + colour + " " + shape).content()).text();
        assertThat(found).isEqualTo("a photo of a " + colour + " " + shape);
      }
  }

  /// In one call, in the order of the inputs, whatever the batches are.
  @Test
  void vectorsAreTheEmbedders() throws IOException {
    var singles = Demo.singles();
    try (var pictures = PictureEmbedder.open(Demo.CLIP); var texts = pictures.texts();
        var small = FoveaEmbeddingModel.builder().file(Demo.CLIP).batchSize(2).modelName("small").build()) {
      var file = Files.readAllBytes(singles.get(1).file());
      var base64 = Base64.getEncoder().encodeToString(file);
      var request = EmbeddingRequest.builder().input("a red star").input(content(singles.get(0).file())).input("something blue")
          .input(ImageContent.from(singles.get(2).file().toUri())).input("a ring")
          .input(ImageContent.from("data:image/png;base64," + base64))
          .input(ImageContent.from(Image.builder().base64Data(Base64.getMimeEncoder().encodeToString(file)).build())).build();
      var expected = List.of(texts.embed("a red star"), pictures.embed(singles.get(0).file()), texts.embed("something blue"),
          pictures.embed(singles.get(2).file()), texts.embed("a ring"), pictures.embed(singles.get(1).file()),
          pictures.embed(singles.get(1).file()));
      for (var model : List.of(clip, small)) {
        var found = model.embed(request).embeddings();
        assertThat(found).hasSize(7);
        for (int i = 0; i < 7; i++) assertThat(found.get(i).vector()).as("input " + i).containsExactly(expected.get(i), within(1e-5f));
      }
      assertThat(small.modelName()).isEqualTo("small");
      assertThat(clip.embedAll(List.of()).content()).isEmpty();
    }
  }

  @Test
  void dimensionsAndNames() {
    assertThat(clip.dimension()).isEqualTo(64);
    assertThat(clip.modelName()).isEqualTo("clip");
    assertThat(clip.supportedContentTypes()).containsExactlyInAnyOrder(ContentType.TEXT, ContentType.IMAGE);
    try (var vit = FoveaEmbeddingModel.builder().file(Demo.VIT).pooling(Pooling.BOTH).build()) {
      assertThat(vit.dimension()).isEqualTo(vector(vit, Demo.scene(0)).dimension());
    }
    try (var texts = FoveaEmbeddingModel.builder().texts(TextEmbedder.open(Demo.CLIP)).build()) {
      assertThat(texts.dimension()).isEqualTo(64);
      assertThat(texts.supportedContentTypes()).containsExactly(ContentType.TEXT);
      assertThat(texts.embed("a red star").content().vector()).containsExactly(clip.embed("a red star").content().vector(),
          within(1e-6f));
    }
  }

  /// A picture's vectors from the file of an image encoder alone.
  @Test
  void anImageEncoderAlone() {
    try (var vit = FoveaEmbeddingModel.builder().file(Demo.VIT).build()) {
      assertThat(vit.supportedContentTypes()).containsExactly(ContentType.IMAGE);
      assertThat(vector(vit, Demo.scene(0)).vector()).isNotEqualTo(vector(vit, Demo.scene(1)).vector());
      assertThatThrownBy(() -> vit.embed("a red star")).isInstanceOf(UnsupportedFeatureException.class).hasMessageContaining("TEXT");
      assertThatThrownBy(() -> vit.doEmbed(EmbeddingRequest.builder().input("a red star").build()))
          .isInstanceOf(UnsupportedFeatureException.class).hasMessage("vit: expected inputs of [IMAGE], got TEXT");
    }
    try (var pictures = FoveaEmbeddingModel.builder().file(Demo.CLIP).pooling(Pooling.CLASS_TOKEN).build()) {
      assertThat(pictures.supportedContentTypes()).containsExactly(ContentType.IMAGE);
      assertThat(pictures.dimension()).isEqualTo(128);
    }
  }

  /// LangChain4j tells queries from documents; a model that was trained so has a prefix for each.
  @Test
  void prefixesOfInputTypes() {
    var query = EmbeddingRequest.builder().input("red star").inputType(EmbeddingInputType.QUERY).build();
    var document = EmbeddingRequest.builder().input("red star").inputType(EmbeddingInputType.DOCUMENT).build();
    assertThatThrownBy(() -> clip.embed(query)).isInstanceOf(UnsupportedFeatureException.class).hasMessageContaining("inputType");
    try (var prefixed = FoveaEmbeddingModel.builder().file(Demo.CLIP).queryPrefix("a photo of a ").build()) {
      assertThat(prefixed.embed(query).embeddings().getFirst()).isEqualTo(clip.embed("a photo of a red star").content());
      assertThat(prefixed.embed(document).embeddings().getFirst()).isEqualTo(clip.embed("red star").content());
      assertThat(prefixed.embed("red star").content()).isEqualTo(clip.embed("red star").content());
    }
  }

  @Test
  void aTextThatIsAPictureIsRefused() throws IOException {
    var base64 = Base64.getEncoder().encodeToString(Files.readAllBytes(Demo.scene(0)));
    requireRefusal(base64, "input 1: expected words, got a picture in base64 (PNG, " + base64.length()
        + " characters); give it as ImageContent");
    var url = "data:image/png;base64," + base64;
    requireRefusal(" " + url + "\n", "input 1: expected words, got a picture in base64 (PNG, " + (url.length() + 2)
        + " characters); give it as ImageContent");
    requireRefusal("data:image/jpeg;base64,/9j/4AAQ", "input 1: expected words, got a picture in base64 (JPEG, 31 characters); give it"
        + " as ImageContent");
    requireRefusal("/9j/" + "4AAQSkZJRgABAQAAAQABAAD/".repeat(9), "input 1: expected words, got a picture in base64 (JPEG, 220"
        + " characters); give it as ImageContent");
    assertThat(clip.embed("/9j/ is how it begins").content().dimension()).isEqualTo(64);
  }

  private static void requireRefusal(String text, String why) {
    assertThatThrownBy(() -> clip.embed(text)).isInstanceOf(IllegalArgumentException.class).hasMessage(why);
  }

  @Test
  void whatCannotBeEmbedded() {
    var scene = content(Demo.scene(0));
    requireUnsupported(EmbeddingRequest.builder().input("a red star").input(TextContent.from("this"), scene).build(),
        "input 2: expected a text or one picture, got [TEXT, IMAGE], which no model here fuses into one vector");
    requireUnsupported(EmbeddingRequest.builder().input(ImageContent.from("https://example.org/a.png")).build(),
        "input 1: expected base64, or a file: or data: URL, because nothing is downloaded, got https://example.org/a.png");
    assertThatThrownBy(() -> clip.embed(EmbeddingRequest.builder().input(AudioContent.from("https://example.org/a.wav")).build()))
        .isInstanceOf(UnsupportedFeatureException.class).hasMessageContaining("AUDIO");
    assertThatThrownBy(() -> clip.embed(EmbeddingRequest.builder().input(ImageContent.from("?", "image/png")).build()))
        .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("input 1: expected a picture in base64: ");
    assertThatThrownBy(() -> clip.embed(EmbeddingRequest.builder().input(ImageContent.from("AAAA", "image/png")).build()))
        .isInstanceOf(ImageException.class).hasMessageStartingWith("input 1: ");
    assertThatThrownBy(() -> clip.embed("red ".repeat(40))).isInstanceOf(TokenizerException.class)
        .hasMessageContaining("expected at most 24 tokens");
    // Parts of a text are one text.
    assertThat(clip.embed(EmbeddingRequest.builder().input(TextContent.from("a"), TextContent.from("star")).build()).embeddings())
        .containsExactly(clip.embed("a\nstar").content());
  }

  private static void requireUnsupported(EmbeddingRequest request, String why) {
    assertThatThrownBy(() -> clip.embed(request)).isInstanceOf(UnsupportedFeatureException.class).hasMessage(why);
  }

  @Test
  void builders() {
    assertThatThrownBy(() -> FoveaEmbeddingModel.builder().build()).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("expected one of file, texts, pictures, got none");
    assertThatThrownBy(() -> FoveaEmbeddingModel.builder().batchSize(0)).hasMessage("batchSize: expected at least 1, got 0");
    assertThatThrownBy(() -> FoveaEmbeddingModel.builder().file(Demo.VIT).pooling(Pooling.JOINT).build())
        .isInstanceOf(IllegalArgumentException.class).hasMessage("pooling: expected one of [class, mean, both] for this model, got joint");
    assertThatThrownBy(() -> FoveaEmbeddingModel.builder().file(Demo.VLM).build()).hasMessageContaining(Demo.VLM.toString());
    assertThatThrownBy(() -> FoveaEmbeddingModel.builder().file(null)).isInstanceOf(NullPointerException.class).hasMessage("file");
  }

  @Test
  void manyThreadsAndTheEnd() throws Exception {
    var model = FoveaEmbeddingModel.builder().pictures(PictureEmbedder.open(Demo.CLIP)).build();
    var expected = clip.embed("a red star").content();
    try (var threads = Executors.newFixedThreadPool(4)) {
      var calls = new ArrayList<Callable<Embedding>>(Stream.generate(() -> (Callable<Embedding>) () ->
          model.embed("a red star").content()).limit(16).toList());
      for (var each : threads.invokeAll(calls)) assertThat(each.get()).isEqualTo(expected);
    }
    model.close();
    model.close();
    assertThatThrownBy(() -> model.embed("a red star")).isInstanceOf(IllegalStateException.class)
        .hasMessage(Demo.CLIP + ": the model is closed");
  }

  /// A sentence encoder with prompts: the input type chooses one, and texts of any length and number are taken.
  @Test
  void anEncoderOfTexts(@TempDir Path place) throws IOException {
    var sentence = new SentenceConfig(TextPooling.MEAN, false, 12, Map.of("query", "how many ", "passage", "the "), "");
    var file = CrossEncoder.write(place, List.of("LABEL_0"), sentence);
    try (var model = FoveaEmbeddingModel.builder().file(file).build(); var embedder = TextEmbedder.open(file)) {
      var texts = new ArrayList<String>();
      for (int i = 0; i < 100; i++) texts.add("people live in berlin ".repeat(i % 7) + "dogs");
      for (var type : EmbeddingInputType.values()) {
        var prompt = type == EmbeddingInputType.QUERY ? "how many " : "the ";
        var expected = embedder.embed(texts, new TextSettings(TextPooling.MEAN, true, prompt), Progress.NONE);
        var request = EmbeddingRequest.builder().inputs(texts.toArray(String[]::new)).inputType(type).build();
        assertThat(model.embed(request).embeddings()).extracting(Embedding::vector).usingRecursiveComparison().isEqualTo(expected);
      }
      assertThat(model.embed("dogs").content().vector())
          .isEqualTo(embedder.embed(List.of("dogs"), embedder.settings().withNormalized(true), Progress.NONE).getFirst());
      assertThat(model.dimension()).isEqualTo(48);
    }
  }
}
