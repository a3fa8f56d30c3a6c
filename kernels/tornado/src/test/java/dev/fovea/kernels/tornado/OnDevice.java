package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/// Tests that need a device.
final class OnDevice {
  private OnDevice() {}

  /// Skips the test without a device; with `-Dfovea.tornado.required=true` it fails then.
  static void require() {
    var reason = Devices.get().reasonAgainst();
    if (Boolean.getBoolean("fovea.tornado.required")) assertThat(reason).isNull();
    assumeTrue(reason == null, () -> reason);
  }
}
