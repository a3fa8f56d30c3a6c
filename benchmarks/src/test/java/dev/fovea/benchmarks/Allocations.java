package dev.fovea.benchmarks;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.util.List;
import java.util.function.Predicate;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordingFile;

/// The objects that some calls allocated, as Flight Recorder saw them.
///
/// Where Java runs without thread-local buffers, as these tests do (`-XX:-UseTLAB` in the module's pom), each object is an
/// event; elsewhere only the one is that no longer fits into a thread's buffer.
record Allocations(List<Allocated> objects) {
  /// An object, with the place in the program if it is known.
  record Allocated(String type, long bytes, String place) {
    boolean isArray() {
      return type.startsWith("[");
    }

    /// A vector that C2 has put on the heap, or its lanes, because it stopped inlining: at most 512 bits and two headers. Sixteen
    /// lanes that the interpreter converts to another type are long integers meanwhile. How many there are depends on what was
    /// compiled before; the tables show what they cost.
    boolean isVector() {
      return type.startsWith("jdk.incubator.vector.") || (type.equals("[F") || type.equals("[Z")) && bytes <= 80
          || type.equals("[J") && bytes <= 144;
    }

    /// What remembers to free a piece of native memory: each piece has one.
    boolean isNative() {
      return type.startsWith("jdk.internal.foreign.SegmentFactories$") || type.startsWith("java.nio.DirectByteBuffer$");
    }

    @Override
    public String toString() {
      return type + " of " + bytes + " bytes at " + place;
    }
  }

  /// Shapes, strides and names are shorter arrays than this, in bytes.
  private static final long SMALL_ARRAY = 512;
  private static final int CALLS_WITHOUT_PROGRESS = 10, ATTEMPTS = 20;
  private static final String MEASURED = "measured", WORKER = "fovea-worker";
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /// Arrays that hold more than a description, and native memory.
  List<Allocated> buffers() {
    return objects.stream().filter(o -> o.isNative() || o.isArray() && o.bytes > SMALL_ARRAY).toList();
  }

  /// Bytes of all objects but vectors.
  long bytes() {
    return objects.stream().filter(o -> !o.isVector()).mapToLong(Allocated::bytes).sum();
  }

  /// What a call allocates in the end. A first call may make buffers, as may later ones while threads have not yet met, and
  /// what C2 has not compiled yet makes more objects.
  ///
  /// @param settled whether there is nothing left to wait for
  static Allocations of(Runnable call, Predicate<Allocations> settled) {
    for (int attempt = 1; ; attempt++) {
      warmUp(call);
      var allocations = once(call);
      if (attempt == ATTEMPTS || settled.test(allocations)) return allocations;
    }
  }

  /// Calls until no call has allocated less for a while.
  private static void warmUp(Runnable call) {
    long least = Long.MAX_VALUE;
    for (int since = 0; since < CALLS_WITHOUT_PROGRESS; since++) {
      long before = THREADS.getTotalThreadAllocatedBytes();
      call.run();
      long bytes = THREADS.getTotalThreadAllocatedBytes() - before;
      if (bytes < least) {
        least = bytes;
        since = 0;
      }
    }
  }

  /// What one call allocates, in a thread of its own and in the kernels' workers.
  static Allocations once(Runnable call) {
    try (var recording = new Recording()) {
      recording.enable("jdk.ObjectAllocationOutsideTLAB");
      recording.enable("jdk.ObjectAllocationInNewTLAB");
      recording.start();
      Thread.ofPlatform().name(MEASURED).start(call).join();
      recording.stop();
      var file = Files.createTempFile("allocations", ".jfr");
      try {
        recording.dump(file);
        return new Allocations(RecordingFile.readAllEvents(file).stream().filter(Allocations::isMeasured)
            .map(e -> new Allocated(e.getClass("objectClass").getName(), e.getLong("allocationSize"), place(e))).toList());
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isMeasured(RecordedEvent event) {
    var name = event.getThread() == null ? null : event.getThread().getJavaName();
    return name != null && (name.equals(MEASURED) || name.startsWith(WORKER));
  }

  /// The innermost frame of this project.
  private static String place(RecordedEvent event) {
    if (event.getStackTrace() == null) return "an unknown place";
    return event.getStackTrace().getFrames().stream().filter(f -> f.getMethod().getType().getName().startsWith("dev.fovea."))
        .findFirst().map(Allocations::place).orElse("a place outside the project");
  }

  private static String place(RecordedFrame frame) {
    return frame.getMethod().getType().getName() + "." + frame.getMethod().getName() + ":" + frame.getLineNumber();
  }
}
