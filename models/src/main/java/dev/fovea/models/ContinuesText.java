package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.llama.Llama;
import java.util.Map;

/// The capability of a model that continues a text token by token: a language model, or one that puts pictures before it.
public interface ContinuesText {
  /// The decoder that continues the text, one part of the model or all of it.
  Llama language();

  /// The embeddings that the decoder reads for inputs of the model, such as tokens with the features of pictures among them.
  ///
  /// @param inputs as those of [Model#outputs]
  /// @return `[B, N, C]`
  /// @throws InputException if an input has another shape than the model expects
  Tensor prompt(Map<String, Tensor> inputs);
}
