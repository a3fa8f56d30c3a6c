package dev.fovea.kernels.tornado;

import dev.fovea.kernels.KernelDevice;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A device that TornadoVM has found.
record Device(KernelDevice about, TornadoDevice device) {
  /// @param bytes of all arrays of a pass
  /// @param taken bytes of those of other passes
  /// @throws UnsupportedOperationException if that is more than the device has, or than TornadoVM takes of it
  void requireRoom(long bytes, long taken) {
    require(bytes, taken, about.bytes(), "the device has");
    require(bytes, taken, device.getMemoryProvider().getHeapSize(), "-Dtornado.device.memory allows");
  }

  private void require(long bytes, long taken, long room, String what) {
    if (bytes + taken > room)
      throw new UnsupportedOperationException(String.format("kernels '%s': the model does not fit on device %s, %s: a pass needs "
          + "%d MiB%s, and %s %d MiB", TornadoKernelService.ID, about.id(), about.name(), mebibytes(bytes),
          taken == 0 ? "" : " beside " + mebibytes(taken) + " MiB of other passes", what, room >> 20));
  }

  private static long mebibytes(long bytes) {
    return Math.ceilDiv(bytes, 1L << 20);
  }
}
