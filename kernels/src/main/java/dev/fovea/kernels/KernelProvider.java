package dev.fovea.kernels;

import dev.fovea.kernels.reference.ReferenceKernels;
import dev.fovea.kernels.vector.VectorKernels;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/// The implementations of [Kernels] to choose from.
///
/// A provider asked for by name runs or fails; only [#auto(Workers)] falls back, and says so.
public enum KernelProvider {
  /// Plain loops with double sums: the specification, and slow.
  REFERENCE,
  /// SIMD through the Vector API.
  VECTOR;

  private static final System.Logger LOG = System.getLogger(KernelProvider.class.getName());

  /// The name that [#named(String, Workers)] and [Kernels#name()] use.
  public String id() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }

  /// The kernels called `name`: `auto`, or the [#id()] of a provider.
  ///
  /// @throws IllegalArgumentException if there is no such name
  /// @throws UnsupportedOperationException if the provider cannot run here
  public static Kernels named(String name, Workers workers) {
    if (name.equals("auto")) return auto(workers);
    for (var provider : values()) if (provider.id().equals(name)) return provider.open(workers);
    throw new IllegalArgumentException("kernels '" + name + "': expected one of " + names());
  }

  /// What [#named(String, Workers)] takes, separated by commas.
  public static String names() {
    return "auto, " + Arrays.stream(values()).map(KernelProvider::id).collect(Collectors.joining(", "));
  }

  /// The fastest kernels that can run here. Where SIMD cannot, a warning says why and how to change that.
  public static Kernels auto(Workers workers) {
    var reason = VECTOR.reasonAgainst();
    reason.ifPresent(why -> LOG.log(System.Logger.Level.WARNING, "kernels run slowly: " + why));
    return (reason.isEmpty() ? VECTOR : REFERENCE).open(workers);
  }

  /// These kernels, working with `workers`, which closing the kernels closes too.
  ///
  /// @throws UnsupportedOperationException if the provider cannot run here
  public Kernels open(Workers workers) {
    reasonAgainst().ifPresent(why -> {
      throw new UnsupportedOperationException("kernels '" + id() + "' cannot run: " + why);
    });
    return new CheckedKernels(switch (this) {
      case REFERENCE -> new ReferenceKernels(workers);
      case VECTOR -> new VectorKernels(workers);
    });
  }

  /// Why this provider cannot run, or should not because it would be slower than plain loops, with the way out; empty
  /// where it can.
  public Optional<String> reasonAgainst() {
    if (this == REFERENCE) return Optional.empty();
    if (!hasVectorApi())
      return Optional.of("the Vector API is missing; add --add-modules jdk.incubator.vector to the java command");
    // These properties are the virtual machine's own words, and cost nothing at start-up, unlike its management beans.
    var mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted")) return Optional.of("the JIT compiler is off; remove -Xint from the java command");
    if (mode.contains("emulated-client"))
      return Optional.of("the JIT compiler is C1 alone; remove -XX:TieredStopAtLevel and -XX:CompilationMode from the java command");
    if (VectorKernels.bits() < 128)
      return Optional.of("the preferred vector is " + VectorKernels.bits() + " bit wide, less than 128; use a processor with "
          + "SSE2 or NEON and remove -XX:UseSSE, -XX:UseAVX and -XX:MaxVectorSize from the java command");
    if (!MachineProbe.hasFma())
      return Optional.of("fused multiply-add is not done in hardware; remove -XX:-UseFMA, -XX:UseAVX and -XX:UseSSE from the java "
          + "command, or use a processor that has it");
    return Optional.empty();
  }

  static boolean hasVectorApi() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }
}
