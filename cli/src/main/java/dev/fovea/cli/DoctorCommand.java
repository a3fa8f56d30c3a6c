package dev.fovea.cli;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.MachineProbe;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "doctor", description = "Show what this machine and this Java can do, and what is in the way.",
    footer = "%nExits 1 where kernels would run slowly.")
final class DoctorCommand implements Callable<Integer> {
  /// What a step of a vector loop costs at least on any processor with fused multiply-add hardware, per thread.
  private static final double SLOWEST_WITH_FMA = 4;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private record Report(String java, String vm, String jit, int processors, int vector_bits, boolean fma, double peak_gflops,
      double copy_gb_per_s, List<String> gpu_devices, String verdict) {}

  @Override
  public Integer call() {
    var report = examine();
    Output.write(json ? Output.json(report) : text(report), null);
    return report.verdict.equals("good") ? Fovea.GOOD : Fovea.FALLS_SHORT;
  }

  private static Report examine() {
    var reason = KernelProvider.VECTOR.reasonAgainst();
    double peak = reason.isPresent() ? 0 : MachineProbe.peakGflops();
    boolean fma = peak > SLOWEST_WITH_FMA;
    var verdict = reason.orElse(fma ? "good" : "fused multiply-add is not done in hardware; remove -XX:-UseFMA, or use a processor that has it");
    return new Report(Runtime.version().toString(), System.getProperty("java.vm.name"), System.getProperty("java.vm.info"),
        Runtime.getRuntime().availableProcessors(), MachineProbe.vectorBits(), fma, peak, MachineProbe.copyBandwidth(), List.of(), verdict);
  }

  private static String text(Report r) {
    return String.format("java            %s, %s%nJIT             %s%nprocessors      %d%nvector width    %d bit%nFMA             %s%nFMA peak        %.0f GFLOP/s a thread%ncopy bandwidth  %.1f GB/s%nGPU devices     none%nverdict         %s%n",
        r.java, r.vm, r.jit, r.processors, r.vector_bits, r.fma ? "yes" : "no", r.peak_gflops, r.copy_gb_per_s, r.verdict);
  }
}
