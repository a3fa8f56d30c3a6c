package dev.fovea.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Where each tensor of a pass lies in the workspace. Tensors that are never needed at the same time share memory: the
/// largest are placed first, each at the lowest place that is free while it lives (Pisarchyk and Lee, "Efficient Memory
/// Management for Deep Neural Net Inference", 2020, greedy by size).
public final class Plan {
  static final long ALIGNMENT = 64;

  /// When a tensor is needed.
  ///
  /// @param bytes its size
  /// @param from the first operation that needs it
  /// @param to the last one, included
  public record Lifetime(long bytes, int from, int to) {
    private boolean meets(Lifetime other) {
      return from <= other.to && other.from <= to;
    }
  }

  /// A place in the workspace.
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

  /// Bytes that the whole pass needs.
  public long bytes() {
    return bytes;
  }

  /// Multiply-accumulates of the pass.
  public long macs() {
    return macs;
  }

  /// Where the `i`-th tensor of the pass lies.
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
