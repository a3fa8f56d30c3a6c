package dev.fovea.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.rag.content.aggregator.ReRankingContentAggregator;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The examples of `docs/langchain4j.md` compile: the page shows the bodies of the methods here.
class PageTest {
  static void search() {
    try (var model = FoveaEmbeddingModel.builder().file(Path.of("clip.safetensors")).build()) {
      var store = new InMemoryEmbeddingStore<Path>();
      for (var file : List.of(Path.of("first.jpg"), Path.of("second.jpg"))) {
        var picture = EmbeddingRequest.builder().input(ImageContent.from(file, "image/jpeg")).build();
        store.add(model.embed(picture).embeddings().getFirst(), file);
      }
      var query = EmbeddingSearchRequest.builder().queryEmbedding(model.embed("a red star").content()).maxResults(1).build();
      System.out.println(store.search(query).matches().getFirst().embedded());
    }
  }

  static void scores() {
    try (var model = FoveaScoringModel.builder().file(Path.of("ms-marco-minilm.safetensors")).build()) {
      System.out.println(model.score("Berlin has 3.5 million inhabitants.", "How many people live in Berlin?").content());
      var aggregator = ReRankingContentAggregator.builder().scoringModel(model).minScore(0.5).build();   // orders what a search found
    }
  }

  static void conversations() {
    try (var model = FoveaChatModel.builder().file(Path.of("smolvlm.safetensors")).build()) {
      var picture = ImageContent.from(Path.of("picture.jpg"), "image/jpeg");
      System.out.println(model.chat(UserMessage.from(picture, TextContent.from("What is this?"))).aiMessage().text());
    }
  }

  @Test
  void thePageShowsWhatStandsHere() throws IOException {
    var root = Path.of("").toAbsolutePath().getParent();
    var here = Files.readString(Path.of("src/test/java/dev/fovea/langchain4j/PageTest.java"));
    var page = Files.readString(root.resolve("docs/langchain4j.md"));
    var blocks = new ArrayList<String>();
    for (var part : page.substring(0, page.indexOf("## Spring AI")).split("```java\n"))
      if (part.contains("\n```")) blocks.add(part.substring(0, part.indexOf("\n```")));
    assertThat(blocks.subList(1, blocks.size())).hasSize(3).allSatisfy(block -> assertThat(here).contains(block.indent(4)));
  }
}
