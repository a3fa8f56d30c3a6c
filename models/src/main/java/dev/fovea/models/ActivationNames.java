package dev.fovea.models;

import dev.fovea.kernels.Activation;
import java.util.Objects;

/// The names of activations in published configs (ref: transformers `activations.py`, `ACT2FN`).
public final class ActivationNames {
  private ActivationNames() {}

  /// @throws IllegalArgumentException if the activation is not supported
  public static Activation of(String name) {
    Objects.requireNonNull(name, "name");
    return switch (name) {
      case "gelu" -> Activation.GELU;
      case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
      case "quick_gelu" -> Activation.QUICK_GELU;
      case "silu", "swish" -> Activation.SILU;
      case "relu" -> Activation.RELU;
      case "tanh" -> Activation.TANH;
      case "sigmoid" -> Activation.SIGMOID;
      default -> throw new IllegalArgumentException("hidden_act '" + name + "' is not supported; expected gelu, gelu_new, "
          + "gelu_pytorch_tanh, gelu_fast, quick_gelu, silu, swish, relu, tanh or sigmoid");
    };
  }

  /// A name accepted by [#of].
  ///
  /// @throws IllegalArgumentException for [Activation#NONE] and [Activation#LOGIT], which have no name
  public static String nameOf(Activation activation) {
    Objects.requireNonNull(activation, "activation");
    return switch (activation) {
      case NONE -> throw new IllegalArgumentException("a config has no name for no activation");
      case GELU -> "gelu";
      case GELU_TANH -> "gelu_pytorch_tanh";
      case QUICK_GELU -> "quick_gelu";
      case SILU -> "silu";
      case RELU -> "relu";
      case TANH -> "tanh";
      case SIGMOID -> "sigmoid";
      case LOGIT -> throw new IllegalArgumentException("a config has no name for the logit");
    };
  }
}
