package example.kernels;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.KernelService;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.util.Optional;
import java.util.TreeMap;

/// Kernels that count products and attentions, and let the reference compute. Their exhaustive switch needs only what the interface
/// of the module `dev.fovea.kernels` exports.
public final class Counting implements KernelService {
  static final TreeMap<String, Integer> COUNTS = new TreeMap<>();

  @Override
  public String id() {
    return "counting";
  }

  @Override
  public Optional<String> reasonAgainst() {
    return Optional.empty();
  }

  @Override
  public Kernels create(Workers workers) {
    var reference = KernelProvider.REFERENCE.create(workers);
    return new Kernels() {
      @Override
      public String name() {
        return id();
      }

      @Override
      public int threads() {
        return reference.threads();
      }

      @Override
      public void run(Operation operation) {
        var kind = switch (operation) {
          case Operation.Linear _, Operation.Matmul _, Operation.Convolve _, Operation.Depthwise _,
              Operation.TransposedConvolution _ -> "products";
          case Operation.Attention _, Operation.AttentionMaps _, Operation.DeformableAttention _ -> "attentions";
          case Operation.Softmax _, Operation.LayerNorm _, Operation.RmsNorm _, Operation.Activate _, Operation.Scale _,
              Operation.Add _, Operation.Multiply _, Operation.Copy _, Operation.Append _, Operation.Gather _, Operation.Find _,
              Operation.TopRows _, Operation.SamplingPoints _, Operation.Fourier _, Operation.RotaryTable _, Operation.Rotary _,
              Operation.Resize _, Operation.ResizeArgmax _ -> "others";
        };
        COUNTS.merge(kind, 1, Integer::sum);
        reference.run(operation);
      }

      @Override
      public void close() {
        reference.close();
      }
    };
  }
}
