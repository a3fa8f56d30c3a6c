package dev.fovea.models;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.Map;

/// The common interface of all models: named input tensors, named output tensors. The names are those of the reference
/// implementation, such as `pixel_values` and `logits`.
///
/// A model is immutable and may be used by any number of threads, each with its own workspace. The caller may implement one: as a
/// [LoadedModel] it can be run, verified and benchmarked like the families of this module.
///
/// Methods that take tensors, here and in the interfaces of capabilities such as [ClassifiesPictures], are parts of a pass. They
/// are called inside a run of a [dev.fovea.engine.tensor.Workspace], with its tensors, return tensors of that pass, and throw what
/// its operations throw. Sizes and names can be asked anywhere.
public interface Model {
  /// Name of the input with the pictures, `[B, channels, H, W]`.
  String PIXEL_VALUES = "pixel_values";

  /// Name of the input with the tokens, `[B, N]`.
  String INPUT_IDS = "input_ids";
  /// Name of the input with the padding mask, `[B, N]`: 0 for tokens, `-∞` for padding.
  String ATTENTION_MASK = "attention_mask";
  /// The input that tells a second text's tokens from the first's, `[B, N]`: 0 and 1.
  String TOKEN_TYPE_IDS = "token_type_ids";

  /// The inputs, by name. It computes nothing.
  ///
  /// @param size side of the pictures in pixels, or 0 for the model's default size
  /// @throws InputException if the model takes pictures of one size only, and `size` is another
  Map<String, ModelInput> inputs(int batch, int size);

  /// Checks what the values of inputs must fulfil beside their shapes. A pass cannot check it, as it does not read values.
  ///
  /// @throws InputException if they do not fulfil it
  default void check(Map<String, Tensor> inputs) {}

  /// Adds to given inputs what the model derives from their values, which a pass cannot read: such as the places of a text's full
  /// stops. It is called before each pass, and costs time in proportion to the values that it reads.
  ///
  /// @param inputs all of [#inputs(int, int)], or those of another pass of the model; not modified. If they have no memory, the
  ///   result has none either
  /// @return the inputs of the pass
  /// @throws InputException if a value does not fit
  default Map<String, Tensor> prepared(Map<String, Tensor> inputs) {
    return inputs;
  }

  /// Runs the model on all of its inputs. A mask contains terms added to the scores: 0 or `-∞`.
  ///
  /// @param inputs all of [#inputs(int, int)], as [#prepared] completes them
  /// @param probe selects hidden states and attention maps by name; the outputs include them
  /// @return the outputs by name, in an order of the model's choice
  /// @throws InputException if the model does not accept the shape of an input
  Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe);
}
