package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Finds and makes the arrays that the steps of a pass work on.
interface Places {
  /// The place of a buffer, or of a part of one, that is not empty.
  Place of(MemorySegment recorded);

  /// A weight as kernels read it, also if a pass computes it. The same weight gives the same arrays.
  DeviceWeight weight(Weight weight);

  /// Room for results between the steps of an operation, without defined contents.
  FloatArray scratch(int floats);

  /// An array with these contents, which no step changes.
  IntArray ints(int... values);

  /// An array with these contents, which no step changes.
  FloatArray floats(float... values);
}
