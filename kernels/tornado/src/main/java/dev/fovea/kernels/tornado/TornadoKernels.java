package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// Kernels on a device that TornadoVM has found.
///
/// A pass runs as a [DeviceProgram]. One run uses the device at a time.
final class TornadoKernels implements Kernels {
  private static final String TORNADO = "uk.ac.manchester.tornado.";

  private final Workers workers;
  private final Device device;
  private final boolean isTuned, countsCopies;
  private final ReentrantLock lock = new ReentrantLock();
  private final HostArrays weights = new HostArrays();
  private final States states = new States();
  private final @Nullable CuBlas cublas;
  /// Bytes of all programs' arrays.
  private long taken;

  /// @param tuned whether to use the tuned kernels, or those that read like the formulas
  /// @param countsCopies whether programs count the bytes that they copy
  TornadoKernels(Workers workers, Device device, boolean tuned, boolean countsCopies) {
    cublas = CuBlas.on(device);
    this.workers = workers;
    this.device = device;
    isTuned = tuned;
    this.countsCopies = countsCopies;
  }

  @Override
  public String name() {
    return TornadoKernelService.ID;
  }

  @Override
  public int threads() {
    return workers.threads();
  }

  Device device() {
    return device;
  }

  boolean isTuned() {
    return isTuned;
  }

  boolean countsCopies() {
    return countsCopies;
  }

  /// Counts the arrays of a new program.
  ///
  /// @throws UnsupportedOperationException if the device has no room for them beside those of the other programs
  void take(long bytes) {
    device.requireRoom(bytes, taken);
    taken += bytes;
  }

  /// Discounts the arrays of a program that ends.
  void leave(long bytes) {
    taken -= bytes;
  }

  /// Computes large products; null where it is not.
  @Nullable CuBlas cublas() {
    return cublas;
  }

  States states() {
    return states;
  }

  /// Does `work` while no other thread uses the device.
  void alone(Runnable work) {
    alone(() -> {
      work.run();
      return null;
    });
  }

  /// Does `work` while no other thread uses the device. Failures of TornadoVM, which are exceptions and errors, become one line.
  ///
  /// @throws UnsupportedOperationException if TornadoVM fails
  private <T> T alone(Supplier<T> work) {
    lock.lock();
    try {
      return work.get();
    } catch (RuntimeException | Error e) {
      if (!e.getClass().getName().startsWith(TORNADO)) throw e;
      throw new UnsupportedOperationException("kernels '" + name() + "' fail on device " + device.about().id() + ", "
          + device.about().name() + ": " + Devices.rootOf(e), e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean runsWholePasses() {
    return true;
  }

  /// Copies the operation's buffers to the device and its result back, and compiles it for that: passes are for speed.
  @Override
  public void run(Operation operation) {
    alone(() -> {
      var single = SingleOperation.of(operation);
      try (var program = new DeviceProgram(this, single.recording(), single.given(), new HostArrays())) {
        program.run(_ -> {});
      }
    });
  }

  @Override
  public Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return alone(() -> new DeviceProgram(this, recording, given, weights));
  }

  @Override
  public void close() {
    workers.close();
  }
}
