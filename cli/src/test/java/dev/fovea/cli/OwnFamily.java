package dev.fovea.cli;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.Family;
import dev.fovea.models.FamilyService;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.ModelInput;
import java.util.Map;

/// A family that is none of Fovea's: one linear map. The program finds it on the class path.
public final class OwnFamily implements FamilyService {
  private static final Family FAMILY = new Family("own", json -> new Config(json.integer("in"), json.integer("out")),
      Map.of("own-tiny", new Config(8, 3)));

  @Override
  public Family family() {
    return FAMILY;
  }

  private record Config(int in, int out) implements ModelConfig {
    @Override
    public Family family() {
      return FAMILY;
    }

    @Override
    public Model load(Weights weights) {
      return new LinearMap(this, weights.linear("head", in, out));
    }

    @Override
    public JsonObject toJson() {
      var json = new JsonObject();
      json.addProperty("in", in);
      json.addProperty("out", out);
      return json;
    }
  }

  /// `y = x · Wᵀ + b`.
  private record LinearMap(Config config, Linear head) implements Model {
    @Override
    public Map<String, ModelInput> inputs(int batch, int size) {
      return Map.of("x", ModelInput.coordinates(batch, config.in));
    }

    @Override
    public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
      return Map.of("y", head.forward(inputs.get("x")));
    }
  }
}
