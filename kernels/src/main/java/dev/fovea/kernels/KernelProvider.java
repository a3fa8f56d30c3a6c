package dev.fovea.kernels;

import dev.fovea.kernels.reference.ReferenceKernels;
import dev.fovea.kernels.vector.ColdStartKernels;
import dev.fovea.kernels.vector.VectorKernels;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The implementations of [Kernels] in this module, and access to those of other modules.
///
/// A provider selected by name runs or fails; only [#auto(Workers)] falls back to another one, with a warning. Thread-safe.
///
/// The caller closes opened kernels, which then close the workers that they were opened with: [Workers#lent()] keeps them open. If
/// opening fails, the workers stay open.
public enum KernelProvider implements KernelService {
  /// Plain loops with sums in double: the specification, slow.
  REFERENCE,
  /// SIMD through the Vector API.
  VECTOR;

  /// The name of kernels whose module is no part of a default build.
  private static final String TORNADO = "tornado";
  private static final System.Logger LOG = System.getLogger(KernelProvider.class.getName());

  @Override
  public String id() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }

  /// Opens the kernels called `name`: `auto`, or the [#id()] of a provider of this or another module.
  ///
  /// @throws IllegalArgumentException if there is no such name
  /// @throws UnsupportedOperationException if the provider cannot run here
  public static Kernels named(String name, Workers workers) {
    Objects.requireNonNull(workers, "workers");
    return name.equals("auto") ? auto(workers) : service(name).open(workers);
  }

  /// The provider with this [#id()], of this or another module.
  ///
  /// @throws IllegalArgumentException if there is no such name
  /// @throws UnsupportedOperationException if its module is not there
  public static KernelService service(String name) {
    Objects.requireNonNull(name, "name");
    for (var provider : values()) if (provider.id().equals(name)) return provider;
    for (var provider : others()) if (provider.id().equals(name)) return provider;
    if (name.equals(TORNADO))
      throw new UnsupportedOperationException("kernels '" + TORNADO + "' cannot run: this build is without them; build with "
          + "-Ptornadovm, install TornadoVM's SDK and set TORNADOVM_HOME to it, as docs/tornadovm.md says");
    throw new IllegalArgumentException("kernels '" + name + "': expected one of " + names());
  }

  /// The names accepted by [#named(String, Workers)], separated by commas.
  public static String names() {
    var own = Arrays.stream(values());
    return "auto, " + Stream.concat(own, others().stream()).map(KernelService::id).collect(Collectors.joining(", "));
  }

  /// The providers of other modules, which each call looks for.
  public static List<KernelService> others() {
    return ServiceLoader.load(KernelService.class, KernelService.class.getClassLoader()).stream().map(ServiceLoader.Provider::get)
        .toList();
  }

  /// Opens the fastest kernels that can run here. If SIMD cannot run, a warning gives the reason and the remedy, in each call.
  public static Kernels auto(Workers workers) {
    Objects.requireNonNull(workers, "workers");
    var reason = VECTOR.reasonAgainst();
    reason.ifPresent(why -> LOG.log(System.Logger.Level.WARNING, "kernels run slowly: " + why));
    return (reason.isEmpty() ? VECTOR : REFERENCE).open(workers);
  }

  @Override
  public Kernels create(Workers workers) {
    Objects.requireNonNull(workers, "workers");
    return switch (this) {
      case REFERENCE -> new ReferenceKernels(workers);
      case VECTOR -> new ColdStartKernels(workers);
    };
  }

  /// The reason why this provider cannot run, or would be slower than plain loops, with the remedy; empty if it can.
  @Override
  public Optional<String> reasonAgainst() {
    if (this == REFERENCE) return Optional.empty();
    if (!hasVectorApi())
      return Optional.of("the Vector API is missing; add --add-modules jdk.incubator.vector to the java command");
    // These properties are set by the virtual machine itself and cost nothing at start-up, unlike its management beans.
    var mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted")) return Optional.of("the JIT compiler is off; remove -Xint from the java command");
    if (mode.contains("emulated-client"))
      return Optional.of("the JIT compiler is C1 alone; remove -XX:TieredStopAtLevel and -XX:CompilationMode from the java"
          + " command");
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
