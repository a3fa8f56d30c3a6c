package dev.fovea.cli;

import dev.fovea.kernels.CacheSizes;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.MachineProbe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "doctor", description = "Show what this machine and this Java can do, and what is in the way.",
    footer = "%nExits 1 where kernels would run slowly.")
final class DoctorCommand implements Callable<Integer> {
  /// The least speed of C2's code on any processor with fused multiply-add hardware, per thread, in GFLOP/s.
  private static final double SLOWEST_COMPILED = 4;
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private record Report(String java, String vm, String jit, int processors, int vector_bits, boolean fma, double peak_gflops,
      double copy_gb_per_s, List<String> gpu_devices, String verdict, int vector_lanes, String kernels, List<String> caches,
      String huge_pages) {}

  @Override
  public Integer call() {
    var report = examine();
    Output.write(json ? Output.json(report) : text(report), null);
    return report.verdict.equals("good") ? Fovea.GOOD : Fovea.FALLS_SHORT;
  }

  private static Report examine() {
    var reason = KernelProvider.VECTOR.reasonAgainst();
    double peak = reason.isPresent() ? 0 : MachineProbe.peakGflops();
    var verdict = reason.orElse(peak > SLOWEST_COMPILED ? "good"
        : "loops of vectors are not compiled by C2; remove options that limit the JIT compiler, such as -XX:TieredStopAtLevel "
            + "or -XX:-UseCompiler, from the java command");
    int bits = MachineProbe.vectorBits();
    return new Report(Runtime.version().toString(), System.getProperty("java.vm.name"), System.getProperty("java.vm.info"),
        Runtime.getRuntime().availableProcessors(), bits, MachineProbe.hasFma(), peak, MachineProbe.copyBandwidth(), devices(),
        verdict, bits / Float.SIZE, (reason.isEmpty() ? KernelProvider.VECTOR : KernelProvider.REFERENCE).id(),
        IntStream.rangeClosed(1, 3).mapToObj(DoctorCommand::cache).toList(), hugePages());
  }

  private static List<String> devices() {
    return KernelProvider.others().stream().flatMap(service -> service.devices().stream().map(device ->
        "--kernels %s --device %s: %s, %s, %.1f GiB".formatted(service.id(), device.id(), device.name(), device.backend(),
            device.bytes() / 0x1p30))).toList();
  }

  /// The devices, or why kernels that run on one cannot.
  private static String gpus(List<String> devices) {
    if (!devices.isEmpty()) return String.join("\n                ", devices);
    return KernelProvider.others().stream().flatMap(service -> service.reasonAgainst().stream().map(why ->
        "none; kernels '" + service.id() + "' cannot run: " + why)).findFirst().orElse("none");
  }

  private static String cache(int level) {
    return CacheSizes.isKnown(level) ? CacheSizes.bytes(level) / 1024 + " KiB" : "unknown";
  }

  /// The setting that Linux shows in brackets: always, madvise or never.
  private static String hugePages() {
    try {
      return Files.readString(HUGE_PAGES).replaceAll("(?s).*\\[(\\w+)].*", "$1").strip();
    } catch (IOException e) {
      return "unknown";
    }
  }

  private static String text(Report r) {
    var peak = r.peak_gflops == 0 ? "not measured" : String.format("%.0f GFLOP/s a thread", r.peak_gflops);
    return String.format("""
        java            %s, %s
        JIT             %s
        processors      %d
        vector width    %d bit, %d lanes
        FMA             %s
        FMA peak        %s
        copy bandwidth  %.1f GB/s
        data caches     %s
        huge pages      %s
        GPU devices     %s
        kernels         %s
        verdict         %s
        """, r.java, r.vm, r.jit, r.processors, r.vector_bits, r.vector_lanes, r.fma ? "yes" : "no", peak, r.copy_gb_per_s,
        String.join(", ", r.caches), r.huge_pages, gpus(r.gpu_devices), r.kernels, r.verdict).replace("\n", System.lineSeparator());
  }
}
