package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Where a buffer of a pass lies on the device.
///
/// @param at index of its first float in `array`; -1 if the buffer is absent, in which case no kernel reads `array`
record Place(FloatArray array, int at) {
  /// The place of a buffer that an operation does not have. A kernel must be given some array all the same.
  static Place absent(FloatArray any) {
    return new Place(any, -1);
  }
}
