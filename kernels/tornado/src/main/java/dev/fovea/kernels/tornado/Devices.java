package dev.fovea.kernels.tornado;

import dev.fovea.kernels.KernelDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jetbrains.annotations.Nullable;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/// What TornadoVM finds in this process, looked for once.
///
/// Without TornadoVM's modules, drivers or options the search ends with errors of many kinds, which become one sentence here.
record Devices(List<Device> all, @Nullable String reasonAgainst) {
  /// What a failed compilation does: TornadoVM would run the kernel's Java on the processor, once instead of for each work item.
  private static final String BAILOUT = "tornado.recover.bailout";
  /// The buffer for a graph's instructions, whose own size ends at some fifty tasks, or fewer with many arrays; and OpenCL's flags,
  /// whose own ones assume that there is no NaN and no infinity.
  private static final Map<String, String> SETTINGS = Map.of("tornado.tvm.maxbytecodesize", "65536",
      "tornado.opencl.compiler.flags", "-cl-mad-enable -w");
  /// Set by TornadoVM's own options.
  private static final String OPTIONS = "tornado.load.api.implementation";
  private static final String INTERFACE = "uk.ac.manchester.tornado.api.TaskGraph";
  private static final String SDK = "install TornadoVM's SDK, set TORNADOVM_HOME to it, and start fovea again, or java with "
      + "@$TORNADOVM_HOME/tornado-argfile";

  private static final class Found {
    private static final Devices DEVICES = search();
  }

  static Devices get() {
    return Found.DEVICES;
  }

  private static Devices search() {
    if (System.getProperty(OPTIONS) == null || !isThere(INTERFACE)) return missing("TornadoVM is missing: " + SDK);
    if (!System.getProperty(BAILOUT, "").equalsIgnoreCase("False"))
      return missing("kernels that do not compile would give wrong results: add -D" + BAILOUT + "=False to the java command");
    // TornadoVM reads these with its first class.
    SETTINGS.forEach((name, value) -> {
      if (System.getProperty(name) == null) System.setProperty(name, value);
    });
    try {
      var all = found();
      return all.isEmpty() ? missing("TornadoVM finds no device: install its driver, such as OpenCL's") : new Devices(all, null);
    } catch (Exception | LinkageError | AssertionError e) {
      return missing("TornadoVM does not start: " + rootOf(e));
    } catch (Error e) {
      // Those of TornadoVM itself are errors, too.
      if (e instanceof VirtualMachineError) throw e;
      return missing("TornadoVM does not start: " + rootOf(e));
    }
  }

  private static Devices missing(String reason) {
    return new Devices(List.of(), reason);
  }

  private static boolean isThere(String name) {
    try {
      Class.forName(name, false, Devices.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }

  private static List<Device> found() {
    var all = new ArrayList<Device>();
    var runtime = TornadoRuntimeProvider.getTornadoRuntime();
    for (int b = 0; b < runtime.getNumBackends(); b++) {
      var backend = runtime.getBackend(b);
      for (int d = 0; d < backend.getNumDevices(); d++) {
        var device = backend.getDevice(d);
        all.add(new Device(new KernelDevice(b + ":" + d, device.getPhysicalDevice().getDeviceName(),
            device.getTornadoVMBackend().toString().toLowerCase(Locale.ROOT), device.getMaxGlobalMemory()), device));
      }
    }
    return all;
  }

  /// The root cause in one line.
  static String rootOf(Throwable e) {
    while (e.getCause() != null && e.getCause() != e) e = e.getCause();
    var message = e.getMessage() == null ? "" : e.getMessage().replaceAll("\\e\\[[0-9;]*m", "").replaceAll("\\s+", " ").strip();
    return e.getClass().getSimpleName() + (message.isEmpty() ? "" : ": " + message);
  }

  Optional<Device> named(String id) {
    return all.stream().filter(device -> device.about().id().equals(id)).findFirst();
  }
}
