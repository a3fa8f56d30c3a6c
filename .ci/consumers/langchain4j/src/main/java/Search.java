import dev.fovea.langchain4j.FoveaEmbeddingModel;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import java.nio.file.Path;
import java.util.List;

/// A store of pictures, in which a picture finds itself.
final class Search {
  public static void main(String[] arguments) {
    try (var model = FoveaEmbeddingModel.builder().file(Path.of(arguments[0])).build()) {
      var store = new InMemoryEmbeddingStore<Path>();
      var files = List.of(Path.of(arguments[1]), Path.of(arguments[2]));
      var request = EmbeddingRequest.builder();
      for (var file : files) request.input(ImageContent.from(file.toUri()));
      var vectors = model.embed(request.build()).embeddings();
      store.addAll(vectors, files);
      for (int i = 0; i < 2; i++) {
        var found = store.search(EmbeddingSearchRequest.builder().queryEmbedding(vectors.get(i)).maxResults(1).build()).matches();
        if (!found.getFirst().embedded().equals(files.get(i))) throw new IllegalStateException(files.get(i) + " finds " + found);
      }
      System.out.println("each picture finds itself");
    }
  }
}
