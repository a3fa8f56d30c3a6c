package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.GraphFacts;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.function.Function;
import org.jetbrains.annotations.Nullable;

/// A BERT with its graph, and without a config. The tensors determine the sizes, and the graph what no shape depends on: the heads,
/// the activation, the norms' epsilon, and that positions count all tokens.
final class BertGraph {
  private static final String WORDS = "embeddings.word_embeddings.weight", POSITIONS = "embeddings.position_embeddings.weight",
      TYPES = "embeddings.token_type_embeddings.weight";

  private final Source source;
  private final GraphFacts graph;
  private final String prefix;

  private BertGraph(Source source, GraphFacts graph, String prefix) {
    this.source = source;
    this.graph = graph;
    this.prefix = prefix;
  }

  /// The model; null if the checkpoint has no graph, or its tensors are not named like a BERT's.
  ///
  /// @throws CheckpointException if the graph does not state a value
  static @Nullable HuggingFace of(Source source) {
    var graph = source.graph();
    if (graph == null) return null;
    for (var prefix : new String[] {"", "bert."})
      if (source.tensors().containsKey(prefix + WORDS)) return new BertGraph(source, graph, prefix).read();
    return null;
  }

  private HuggingFace read() {
    if (!graph.countsTokens(prefix + POSITIONS))
      throw untold("that the positions count all tokens, as a BERT's do and a RoBERTa's, under the same names, do not");
    var words = source.tensor(prefix + WORDS, 2);
    int depth = 0;
    while (source.tensors().containsKey(layer(depth) + "attention.self.query.weight")) depth++;
    if (depth == 0) throw untold("any layer of a BERT");
    var json = new JsonObject();
    json.addProperty("model_type", "bert");
    json.addProperty("vocab_size", words.shape().get(0));
    json.addProperty("hidden_size", words.shape().get(1));
    json.addProperty("num_hidden_layers", depth);
    json.addProperty("max_position_embeddings", rows(prefix + POSITIONS));
    json.addProperty("type_vocab_size", rows(prefix + TYPES));
    json.addProperty("intermediate_size", rows(layer(0) + "intermediate.dense.weight"));
    int heads = same(depth, "number of heads", layer -> graph.heads(layer + "attention.self.query"));
    String act = same(depth, "activation", layer -> graph.activation(layer + "intermediate.dense"));
    json.addProperty("num_attention_heads", heads);
    json.addProperty("hidden_act", act);
    json.addProperty("layer_norm_eps", epsilon(depth));
    return HuggingFace.read(new JsonFields(source.name(), json), null, source);
  }

  private String layer(int i) {
    return prefix + "encoder.layer." + i + ".";
  }

  private long rows(String matrix) {
    return source.tensor(matrix, 2).shape().getFirst();
  }

  private float epsilon(int depth) {
    var first = graph.epsilon(prefix + "embeddings.LayerNorm");
    for (var norm : new String[] {"attention.output.LayerNorm", "output.LayerNorm"}) {
      var others = same(depth, "epsilon of its norms", layer -> graph.epsilon(layer + norm));
      if (!others.equals(first)) throw untold("one epsilon of all its norms");
    }
    return first;
  }

  /// What the graph tells of each layer.
  ///
  /// @throws CheckpointException if it tells nothing, or several things
  private <T> T same(int depth, String what, Function<String, @Nullable T> told) {
    var first = told.apply(layer(0));
    if (first == null) throw untold("the " + what);
    for (int i = 1; i < depth; i++) if (!first.equals(told.apply(layer(i)))) throw untold("one " + what + " for all its layers");
    return first;
  }

  private CheckpointException untold(String what) {
    return new CheckpointException(source.name() + ": there is no config.json beside it, its tensors are named like a BERT's, and "
        + "its graph does not tell " + what + "; give --config FILE");
  }
}
