package dev.fovea.models;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.Map;

/// A model as what treats all families alike sees it: named tensors go in, named tensors come out. The names are the
/// reference implementation's, such as `pixel_values` and `logits`.
///
/// A model is immutable and may be used by any number of threads, each with its own workspace. Anyone may write one: as a
/// [LoadedModel] it runs, and is verified and measured, like the families of this module.
public interface Model {
  /// The input that holds pictures, `[B, channels, H, W]`.
  String PIXEL_VALUES = "pixel_values";

  /// The input that holds tokens, `[B, N]`.
  String INPUT_IDS = "input_ids";
  /// The input that tells tokens from padding, `[B, N]`: 0 where a token counts, `-∞` where it is padding.
  String ATTENTION_MASK = "attention_mask";
  /// The input that tells a second text's tokens from the first's, `[B, N]`: 0 and 1.
  String TOKEN_TYPE_IDS = "token_type_ids";

  /// The inputs, by name.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  Map<String, ModelInput> inputs(int batch, int size);

  /// Runs the model on all of its inputs. A mask holds what is added to scores: 0 or `-∞`.
  ///
  /// @param probe keeps hidden states and attention maps by name; what it keeps is among the outputs
  /// @throws InputException if an input has a shape that the model cannot take
  Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe);
}
