import dev.fovea.models.TextEmbedder;
import java.util.stream.IntStream;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;

record FoveaEmbeddings(TextEmbedder texts) implements EmbeddingModel {
  @Override
  public EmbeddingResponse call(EmbeddingRequest request) {
    var vectors = texts.embed(request.getInstructions());
    return new EmbeddingResponse(IntStream.range(0, vectors.size()).mapToObj(i -> new Embedding(vectors.get(i), i)).toList());
  }

  @Override
  public float[] embed(Document document) {
    return texts.embed(document.getText());
  }
}
