package dev.fovea.kernels.tornado;

import dev.fovea.kernels.KernelDevice;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A device that TornadoVM has found.
record Device(KernelDevice about, TornadoDevice device) {
  /// @param bytes of all arrays of a pass
  /// @throws OutOfMemoryError if that is more than the device has, or than TornadoVM takes of it
  void requireRoom(long bytes) {
    require(bytes, about.bytes(), "has");
    require(bytes, device.getMemoryProvider().getHeapSize(), "may be used of it with -Dtornado.device.memory");
  }

  private void require(long bytes, long room, String what) {
    if (bytes > room)
      throw new OutOfMemoryError(String.format("kernels '%s': the model does not fit on device %s, %s: it needs %d MiB, %d MiB %s",
          TornadoKernelService.ID, about.id(), about.name(), Math.ceilDiv(bytes, 1L << 20), room >> 20, what));
  }
}
