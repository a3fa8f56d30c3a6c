package dev.fovea.models;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.management.JMException;
import javax.management.ObjectName;

/// What this process holds beside memory: threads by name, the number of file descriptors, mappings of models.
record Resources(Set<String> threads, int descriptors, List<String> mappings) {
  private static final Path SELF = Path.of("/proc/self");
  /// Threads of Java's own that come and go.
  private static final Set<String> OF_JAVA = Set.of("ForkJoinPool", "CompletableFutureDelayScheduler", "VirtualThread", "Cleaner",
      "Common", "Java", "process", "Reference", "Finalizer", "Signal", "Attach", "Notification", "AWT", "Monitor", "RMI");

  static Resources now() throws IOException {
    var threads = Thread.getAllStackTraces().keySet().stream().map(Thread::getName)
        .filter(name -> !OF_JAVA.contains(name.split("[^A-Za-z]")[0])).collect(Collectors.toCollection(TreeSet::new));
    if (!Files.exists(SELF)) return new Resources(threads, 0, List.of());
    try (var descriptors = Files.list(SELF.resolve("fd")); var maps = Files.lines(SELF.resolve("maps"))) {
      return new Resources(threads, (int) descriptors.count(), maps.filter(map -> map.contains(".safetensors")).toList());
    }
  }

  /// Memory in bytes.
  ///
  /// @param resident what is in the machine's memory; 0 where the system does not tell
  /// @param segments the native memory of programs, which holds the tensors; of which Java keeps account with the option
  ///     `-XX:NativeMemoryTracking=summary`
  record Memory(long resident, long segments) {
    private static final Pattern SEGMENTS = Pattern.compile("Other \\(reserved=\\d+KB, committed=(\\d+)KB");
    /// A coarse limit: compiled code grows after the first load, and how much of the freed memory the allocator keeps differs by
    /// 100 MiB and more from rest to rest. What leaks is in the segments.
    private static final long MOST_RESIDENT = 512 << 20;
    private static final long MOST_SEGMENTS = 1 << 20;

    static Memory now() throws IOException, JMException {
      long resident = 0;
      if (Files.exists(SELF))
        for (var line : Files.readAllLines(SELF.resolve("status")))
          if (line.startsWith("VmRSS:")) resident = Long.parseLong(line.replaceAll("\\D", "")) << 10;
      var report = (String) ManagementFactory.getPlatformMBeanServer().invoke(
          new ObjectName("com.sun.management:type=DiagnosticCommand"), "vmNativeMemory", new Object[] {new String[] {"summary"}},
          new String[] {String[].class.getName()});
      var found = SEGMENTS.matcher(report);
      if (!found.find()) throw new IllegalStateException("no account of native memory: " + report);
      return new Memory(resident, Long.parseLong(found.group(1)) << 10);
    }

    /// Throws if memory has grown since an earlier rest.
    void requireFlatSince(Memory first) {
      if (segments - first.segments > MOST_SEGMENTS || resident - first.resident > MOST_RESIDENT)
        throw new IllegalStateException("memory at rest grows: first " + first + ", now " + this);
    }

    @Override
    public String toString() {
      return (resident >> 20) + " MiB resident, " + (segments >> 20) + " MiB in segments";
    }
  }

  /// The memory after what nobody refers to is freed, and has gone back to the system.
  static Memory memoryAtRest() throws IOException, JMException, InterruptedException {
    var least = Memory.now();
    for (int i = 0; i < 8; i++) {
      System.gc();
      Thread.sleep(500);
      var now = Memory.now();
      least = new Memory(Math.min(least.resident, now.resident), Math.min(least.segments, now.segments));
    }
    return least;
  }
}
