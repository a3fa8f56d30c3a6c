package dev.fovea.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// The vector width, and vector accesses to native memory.
///
/// The default width is the machine's preferred one; `-Dfovea.vectorBits=128|256|512` forces another, to test every width on any
/// machine.
final class Simd {
  static final VectorSpecies<Float> F = species();
  static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
  static final int LANES = F.length();
  /// Whether there are 16 vector registers, as in AVX2, instead of the 32 of AVX-512, NEON and SVE.
  static final boolean FEW_REGISTERS = LANES < 16 && !System.getProperty("os.arch").equals("aarch64");
  static final ByteOrder ORDER = ByteOrder.nativeOrder();
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private static final VectorShuffle<Float> BY_1 = VectorShuffle.fromOp(F, lane -> lane ^ 1);
  private static final VectorShuffle<Float> BY_2 = VectorShuffle.fromOp(F, lane -> lane ^ 2);
  private static final VectorShuffle<Float> BY_4 = VectorShuffle.fromOp(F, lane -> (lane ^ 4) % LANES);
  private static final VectorShuffle<Float> BY_8 = VectorShuffle.fromOp(F, lane -> (lane ^ 8) % LANES);

  private Simd() {}

  private static VectorSpecies<Float> species() {
    int forced = Integer.getInteger("fovea.vectorBits", 0);
    return forced == 0 ? FloatVector.SPECIES_PREFERRED : VectorSpecies.of(float.class, VectorShape.forBitSize(forced));
  }

  /// Precedes each vector access to native memory, or the loop around it. The segment is never mapped ([dev.fovea.kernels.Weight]),
  /// but the check reveals its class to C2, which then removes all checks from the accesses of a loop. Otherwise C2 relies on the
  /// type profile of the JDK's own methods, which includes heap segments, because the interpreter reinterprets vectors through one.
  /// An access then takes about twenty instructions (`benchmarks/NOTES.md`).
  static void expectPlain(MemorySegment s) {
    if (s.isMapped()) throw new IllegalArgumentException("expected plain memory, got a mapped file");
  }

  /// The vector at float `index`.
  static FloatVector load(MemorySegment s, long index) {
    expectPlain(s);
    return FloatVector.fromMemorySegment(F, s, index * 4, ORDER);
  }

  /// The vector at float `index`; zero in lanes outside the mask.
  static FloatVector load(MemorySegment s, long index, VectorMask<Float> mask) {
    expectPlain(s);
    return FloatVector.fromMemorySegment(F, s, index * 4, ORDER, mask);
  }

  static void store(FloatVector v, MemorySegment s, long index) {
    expectPlain(s);
    v.intoMemorySegment(s, index * 4, ORDER);
  }

  static void store(FloatVector v, MemorySegment s, long index, VectorMask<Float> mask) {
    expectPlain(s);
    v.intoMemorySegment(s, index * 4, ORDER, mask);
  }

  static float at(MemorySegment s, long index) {
    return s.get(FLOAT, index * 4);
  }

  static void put(MemorySegment s, long index, float value) {
    s.set(FLOAT, index * 4, value);
  }

  static FloatVector all(float value) {
    return FloatVector.broadcast(F, value);
  }

  static IntVector all(int value) {
    return IntVector.broadcast(I, value);
  }

  /// The largest multiple of the lanes up to `n`.
  static long body(long n) {
    return n - n % LANES;
  }

  /// The first `n` lanes.
  static VectorMask<Float> first(long n) {
    return F.indexInRange(0, n);
  }

  /// The sum of all lanes, as a tree that starts with adjacent pairs. The Vector API's own reduction has an order that depends on
  /// whether the method is compiled, so that results would change in the last bit while a program warms up.
  static float sum(FloatVector v) {
    v = v.add(v.rearrange(BY_1));
    v = v.add(v.rearrange(BY_2));
    if (LANES >= 8) v = v.add(v.rearrange(BY_4));
    if (LANES >= 16) v = v.add(v.rearrange(BY_8));
    return v.lane(0);
  }

  /// The sum of all lanes, as a tree that starts with the lower and upper half.
  static float sumOfHalves(FloatVector v) {
    if (LANES >= 16) v = v.add(v.rearrange(BY_8));
    if (LANES >= 8) v = v.add(v.rearrange(BY_4));
    v = v.add(v.rearrange(BY_2));
    return v.add(v.rearrange(BY_1)).lane(0);
  }
}
