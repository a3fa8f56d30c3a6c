package dev.fovea.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// The memory plan of a pass: the place of each tensor in one block. Tensors with disjoint lifetimes share memory: they are placed
/// in order of decreasing size, each at the lowest offset that is free during its lifetime (Pisarchyk and Lee, "Efficient Memory
/// Management for Deep Neural Net Inference", 2020, greedy by size).
///
/// Immutable and thread-safe.
public final class Plan {
  static final long ALIGNMENT = 64;

  /// The lifetime of a tensor.
  ///
  /// @param bytes size of the tensor
  /// @param from index of the first operation that uses it
  /// @param to index of the last operation that uses it
  public record Lifetime(long bytes, int from, int to) {
    private boolean meets(Lifetime other) {
      return from <= other.to && other.from <= to;
    }
  }

  /// A range of the block, in bytes.
  public record Place(long offset, long bytes) {
    private long end() {
      return offset + Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }
  }

  private final Place[] places;
  private final long bytes;
  private final long macs;

  private Plan(Place[] places, long macs) {
    this.places = places;
    this.macs = macs;
    bytes = Arrays.stream(places).mapToLong(Place::end).max().orElse(0);
  }

  /// Places the tensors of a pass.
  ///
  /// @param macs multiply-accumulates of the pass
  public static Plan of(List<Lifetime> buffers, long macs) {
    var places = new Place[buffers.size()];
    var bySize = IntStream.range(0, places.length).boxed()
        .sorted(Comparator.comparingLong((Integer i) -> buffers.get(i).bytes()).reversed()).toList();
    for (int i : bySize) {
      var buffer = buffers.get(i);
      var taken = new ArrayList<Place>();
      for (int j = 0; j < places.length; j++) if (places[j] != null && buffer.meets(buffers.get(j))) taken.add(places[j]);
      taken.sort(Comparator.comparingLong(Place::offset));
      places[i] = firstFit(buffer.bytes(), taken);
    }
    return new Plan(places, macs);
  }

  private static Place firstFit(long bytes, List<Place> taken) {
    long offset = 0;
    for (var place : taken) {
      if (new Place(offset, bytes).end() <= place.offset()) break;
      offset = Math.max(offset, place.end());
    }
    return new Place(offset, bytes);
  }

  /// Size of the block in bytes.
  public long bytes() {
    return bytes;
  }

  /// Multiply-accumulates of the pass.
  public long macs() {
    return macs;
  }

  /// The place of the `i`-th tensor of the pass.
  ///
  /// @throws IllegalStateException if the pass has no such tensor, or one of another size
  public Place place(int i, long bytes) {
    if (i >= places.length || places[i].bytes() != bytes)
      throw new IllegalStateException("tensor " + i + " of the pass, " + bytes + " bytes, is not the one that was planned");
    return places[i];
  }

  Place place(int i) {
    return places[i];
  }
}
