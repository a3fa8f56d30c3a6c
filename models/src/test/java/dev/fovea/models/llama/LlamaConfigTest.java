package dev.fovea.models.llama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What a config says about positions, in the forms of transformers 5 and before, and what is refused.
class LlamaConfigTest {
  private static final String SIZES = "'vocab_size': 9, 'hidden_size': 12, 'num_hidden_layers': 2, 'num_attention_heads': 3, "
      + "'intermediate_size': 20, 'rms_norm_eps': 1e-5, 'max_position_embeddings': 64";

  private static LlamaConfig config(String more) {
    return LlamaConfig.of(JsonFields.parse("config", ("{" + SIZES + more + "}").replace('\'', '"')));
  }

  private static void refused(String more, String message) {
    assertThatThrownBy(() -> config(more)).isInstanceOf(CheckpointException.class).hasMessageContaining(message);
  }

  @Test
  void whatIsNotSaid() {
    assertThat(config("")).isEqualTo(new LlamaConfig(9, 12, 2, 3, 3, 4, 20, LlamaConfig.Bias.NONE, 1e-5f, 64, 10_000, Scaling.NONE,
        false, List.of()));
    assertThat(config(", 'eos_token_id': 3").eosTokenIds()).containsExactly(3);
    assertThat(config(", 'eos_token_id': [3, 8]").eosTokenIds()).containsExactly(3, 8);
    assertThat(config(", 'num_key_value_heads': 1, 'head_dim': 6")).returns(1, LlamaConfig::numKeyHeads).returns(6, LlamaConfig::headDim);
    assertThat(config(", 'num_key_value_heads': null, 'head_dim': null")).isEqualTo(config(""));
  }

  @Test
  void positionsInBothForms() {
    for (var form : List.of(", 'rope_theta': 500, 'rope_scaling': {'rope_type': %s}", ", 'rope_theta': 500, 'rope_scaling': {'type': %s}",
        ", 'rope_parameters': {'rope_theta': 500, 'rope_type': %s}")) {
      assertThat(config(form.formatted("'default'"))).returns(500f, LlamaConfig::ropeTheta).returns(Scaling.NONE, LlamaConfig::scaling);
      assertThat(config(form.formatted("'linear', 'factor': 4")).scaling()).isEqualTo(new Scaling.Linear(4));
      assertThat(config(form.formatted("'dynamic', 'factor': 2"))).returns(new Scaling.Dynamic(2), LlamaConfig::scaling)
          .returns(128, LlamaConfig::context);
      assertThat(config(form.formatted("'llama3', 'factor': 8, 'low_freq_factor': 1, 'high_freq_factor': 4, "
          + "'original_max_position_embeddings': 32"))).returns(new Scaling.Llama3(8, 1, 4, 32), LlamaConfig::scaling)
          .returns(64, LlamaConfig::context);
      refused(form.formatted("'yarn', 'factor': 8"), "rope_type 'yarn' is not supported; expected default, linear, dynamic or llama3");
      refused(form.formatted("'linear'"), "'factor' is missing");
      refused(form.formatted("'linear', 'factor': 0.5"), "'factor': expected at least 1, got 0.5");
      refused(form.formatted("'llama3', 'factor': 8, 'low_freq_factor': 4, 'high_freq_factor': 4, 'original_max_position_embeddings': 32"),
          "expected a high_freq_factor above low_freq_factor");
    }
    assertThat(config(", 'rope_theta': 500, 'rope_scaling': null")).returns(500f, LlamaConfig::ropeTheta);
    refused(", 'partial_rotary_factor': 0.5", "a partial_rotary_factor other than 1 is not supported");
  }

  @Test
  void sizesThatDoNotFit() {
    refused(", 'num_key_value_heads': 2", "num_attention_heads 3 is not a multiple of num_key_value_heads 2");
    refused(", 'head_dim': 5", "head_dim: expected an even number, got 5");
    refused(", 'rope_theta': 0", "rope_theta: expected a positive number, got 0");
    refused(", 'eos_token_id': 9", "eos_token_id 9: expected one of 9 tokens");
    assertThatThrownBy(() -> LlamaConfig.of(JsonFields.parse("config", "{\"hidden_size\": 10, \"num_attention_heads\": 3}")))
        .hasMessage("config: hidden_size 10 is not a multiple of num_attention_heads 3");
  }
}
