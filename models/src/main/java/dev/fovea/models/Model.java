package dev.fovea.models;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.bert.Bert;
import dev.fovea.models.clip.Clip;
import dev.fovea.models.dinov2.Dinov2;
import dev.fovea.models.sam.PointPrompt;
import dev.fovea.models.sam.Sam;
import dev.fovea.models.segformer.Segformer;
import dev.fovea.models.siglip.Siglip;
import dev.fovea.models.vit.ViT;
import java.util.Map;
import java.util.Set;

/// A model as what treats all families alike sees it: named tensors go in, named tensors come out. The names are the
/// reference implementation's, such as `pixel_values` and `logits`.
///
/// A model is immutable and may be used by any number of threads, each with its own workspace.
public sealed interface Model permits ViT, Dinov2, Clip, Siglip, Bert, Segformer, Sam, PointPrompt {
  /// The input that holds pictures, `[B, channels, H, W]`.
  String PIXEL_VALUES = "pixel_values";

  /// The input that holds tokens, `[B, N]`.
  String INPUT_IDS = "input_ids";
  /// The input that tells tokens from padding, `[B, N]`: 0 where a token counts, `-∞` where it is padding.
  String ATTENTION_MASK = "attention_mask";

  /// The inputs, by name.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  Map<String, ModelInput> inputs(int batch, int size);

  /// The inputs where some are given by name, as a reference's file does: a model that answers any number of questions about a
  /// picture knows them by their names.
  default Map<String, ModelInput> inputs(Set<String> given) {
    return inputs(1, 0);
  }

  /// Multiply-accumulates of the published architecture that this implementation does without, for the same outputs.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  default long savedMacs(int batch, int size) {
    return 0;
  }

  /// Runs the model on all of its inputs. A mask holds what is added to scores: 0 or `-∞`.
  ///
  /// @param probe keeps hidden states and attention maps by name; what it keeps is among the outputs
  /// @throws InputException if an input has a shape that the model cannot take
  Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe);
}
