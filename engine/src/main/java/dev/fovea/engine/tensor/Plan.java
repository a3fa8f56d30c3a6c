package dev.fovea.engine.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Where each tensor of a pass lies in the workspace. Tensors that are never needed at the same time share memory: the
/// largest are placed first, each at the lowest place that is free while it lives (Pisarchyk and Lee, "Efficient Memory
/// Management for Deep Neural Net Inference", 2020, greedy by size).
public final class Plan {
  private static final long ALIGNMENT = 64;

  /// A tensor's memory: `bytes` bytes, needed from operation `from` to operation `to`, both included.
  record Buffer(long bytes, int from, int to) {
    private boolean meets(Buffer other) {
      return from <= other.to && other.from <= to;
    }
  }

  /// A place in the workspace.
  record Place(long offset, long bytes) {
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

  static Plan of(List<Buffer> buffers, long macs) {
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

  Place place(int i, int[] shape) {
    long size = 4;
    for (int d : shape) size *= d;
    if (i >= places.length || places[i].bytes() != size)
      throw new IllegalStateException("tensor " + i + " of the pass, " + Arrays.toString(shape) + ", is not the one that was planned");
    return places[i];
  }
}
